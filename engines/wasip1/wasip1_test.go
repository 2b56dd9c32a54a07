package wasip1

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"rrbench/engines"
)

const beyond = math.MaxUint32

func TestArgumentsAndEnvironment(t *testing.T) {
	w := newWorld(t, Config{Arguments: []string{"guest", "-v"}, Environment: []string{"GOGC=off"}})
	w.expect(0, "args_sizes_get", 0, 4)
	if count, length := w.uint32(0), w.uint32(4); count != 2 || length != 9 {
		t.Errorf("%d arguments of %d bytes", count, length)
	}
	w.expect(0, "args_get", 16, 100)
	if got := string(w.bytes[100:109]); got != "guest\x00-v\x00" || w.uint32(16) != 100 || w.uint32(20) != 106 {
		t.Errorf("arguments are %q at %d and %d", got, w.uint32(16), w.uint32(20))
	}
	w.expect(0, "environ_sizes_get", 0, 4)
	if count, length := w.uint32(0), w.uint32(4); count != 1 || length != 9 {
		t.Errorf("%d variables of %d bytes", count, length)
	}
	w.expect(0, "environ_get", 16, 100)
	if got := string(w.bytes[100:109]); got != "GOGC=off\x00" {
		t.Errorf("environment is %q", got)
	}
	w.expect(EFAULT, "args_sizes_get", beyond, 0)
	w.expect(EFAULT, "args_sizes_get", 0, engines.PageSize-3)
	w.expect(EFAULT, "args_get", 0, engines.PageSize-8)
	w.expect(EFAULT, "args_get", engines.PageSize-4, 0)

	empty := newWorld(t, Config{})
	empty.expect(0, "args_sizes_get", 0, 4)
	empty.expect(0, "args_get", 0, 0)
	if empty.uint32(0) != 0 || empty.uint32(4) != 0 {
		t.Error("an empty world has arguments")
	}
}

func TestClocks(t *testing.T) {
	ticks := int64(41)
	w := newWorld(t, Config{Monotonic: func() int64 { ticks++; return ticks }})
	w.expect(0, "clock_time_get", monotonic, 1, 8)
	if got := w.uint64(8); got != 42 {
		t.Errorf("monotonic time is %d", got)
	}
	w.expect(0, "clock_time_get", realtime, 1, 8)
	if got := time.Unix(0, int64(w.uint64(8))); time.Since(got).Abs() > time.Minute {
		t.Errorf("time is %v", got)
	}
	w.expect(0, "clock_res_get", monotonic, 8)
	if got := w.uint64(8); got == 0 {
		t.Error("resolution is 0")
	}
	for _, clock := range []uint64{2, 3, 4, math.MaxUint32} {
		w.expect(ENOTSUP, "clock_time_get", clock, 1, 8)
		w.expect(ENOTSUP, "clock_res_get", clock, 8)
	}
	w.expect(EFAULT, "clock_time_get", monotonic, 1, engines.PageSize-7)
	w.expect(EFAULT, "clock_res_get", monotonic, beyond)
}

func TestRandom(t *testing.T) {
	w := newWorld(t, Config{})
	w.expect(0, "random_get", 100, 32)
	if bytes.Equal(w.bytes[100:132], make([]byte, 32)) {
		t.Error("random bytes are all zero")
	}
	if w.bytes[99] != 0 || w.bytes[132] != 0 {
		t.Error("random bytes lie outside the buffer")
	}
	w.expect(0, "random_get", engines.PageSize, 0)
	w.expect(EFAULT, "random_get", engines.PageSize-1, 2)
	w.expect(EFAULT, "random_get", 1, beyond)
}

func TestOutput(t *testing.T) {
	var written bytes.Buffer
	w := newWorld(t, Config{Output: &written})
	copy(w.bytes[200:], "hello, world")
	w.vectors(100, 200, 5, 0, 0, 205, 7)
	w.expect(0, "fd_write", 1, 100, 3, 50)
	if written.String() != "hello, world" || w.uint32(50) != 12 {
		t.Errorf("%q written, %d bytes said", &written, w.uint32(50))
	}
	w.expect(0, "fd_write", 2, 100, 1, 50)
	if got := w.system.Output(); got != "hello, worldhello" {
		t.Errorf("kept %q", got)
	}
	w.expect(EBADF, "fd_write", 0, 100, 1, 50)
	w.expect(EBADF, "fd_write", 3, 100, 1, 50)
	w.expect(EBADF, "fd_write", beyond, 100, 1, 50)
	w.expect(EBADF, "fd_read", 1, 100, 1, 50)
	before := written.Len()
	w.expect(EFAULT, "fd_write", 1, engines.PageSize-8, 2, 50)
	w.expect(EFAULT, "fd_write", 1, 100, beyond, 50)
	w.expect(EFAULT, "fd_write", 1, 100, 1, beyond-2)
	w.vectors(100, 200, 5, beyond, 2)
	w.expect(EFAULT, "fd_write", 1, 100, 2, 50)
	w.vectors(100, 200, beyond)
	w.expect(EFAULT, "fd_write", 1, 100, 1, 50)
	if written.Len() != before {
		t.Error("a refused call wrote")
	}
}

func TestOutputTailIsBounded(t *testing.T) {
	var kept tail
	var all strings.Builder
	for i := range 3000 {
		text := strings.Repeat(fmt.Sprint(i), i%7)
		kept.write([]byte(text))
		all.WriteString(text)
		want := all.String()
		want = want[max(0, len(want)-keptOutput):]
		if string(kept) != want {
			t.Fatalf("after %d writes the tail is wrong", i)
		}
	}
	kept.write(bytes.Repeat([]byte("x"), 3*keptOutput))
	if len(kept) != keptOutput || cap(kept) > 4*keptOutput {
		t.Errorf("kept %d bytes in %d", len(kept), cap(kept))
	}
}

func TestExplain(t *testing.T) {
	w := newWorld(t, Config{})
	if w.system.Explain(nil) != nil {
		t.Error("success is explained")
	}
	exit := &engines.Exit{Status: 2}
	if got := w.system.Explain(exit); got != error(exit) {
		t.Errorf("without output the error is %v", got)
	}
	copy(w.bytes[200:], "panic: boom\n\ngoroutine 1")
	w.vectors(100, 200, 24)
	w.expect(0, "fd_write", 2, 100, 1, 50)
	got := w.system.Explain(exit)
	wantError(t, got, exit)
	if want := "guest exited with status 2; its output ends: panic: boom"; got.Error() != want {
		t.Errorf("error is %q, want %q", got, want)
	}
}

func TestInputIsAtItsEnd(t *testing.T) {
	w := newWorld(t, Config{})
	w.vectors(100, 200, 5)
	w.put32(50, 99)
	w.expect(0, "fd_read", 0, 100, 1, 50)
	if got := w.uint32(50); got != 0 {
		t.Errorf("%d bytes read", got)
	}
}

func TestDescriptors(t *testing.T) {
	w := newWorld(t, Config{})
	for number := range uint64(3) {
		w.expect(0, "fd_fdstat_get", number, 100)
		if w.bytes[100] != characterDevice {
			t.Errorf("descriptor %d is of type %d", number, w.bytes[100])
		}
	}
	w.expect(0, "fd_fdstat_set_flags", 1, flagNonblock)
	w.expect(0, "fd_fdstat_get", 1, 100)
	if w.bytes[102] != flagNonblock {
		t.Errorf("flags are %d", w.bytes[102])
	}
	w.expect(EFAULT, "fd_fdstat_get", 1, engines.PageSize-23)
	w.expect(EBADF, "fd_fdstat_get", 3, 100)
	w.expect(EBADF, "fd_fdstat_set_flags", 3, 0)
	w.expect(EBADF, "fd_prestat_get", 3, 100)
	w.expect(0, "fd_close", 1)
	w.expect(EBADF, "fd_close", 1)
	w.expect(EBADF, "fd_close", beyond)
	w.expect(EBADF, "fd_write", 1, 100, 0, 50)
	w.expect(ENOSYS, "path_open", 3, 0, 0, 0, 0, 0, 0, 0, 0)
	w.expect(ENOSYS, "fd_filestat_get", 1, 100)
	w.expect(0, "sched_yield")
}

func TestExit(t *testing.T) {
	w := newWorld(t, Config{})
	_, err := w.try("proc_exit", 7)
	exit, ok := err.(*engines.Exit)
	if !ok || exit.Status != 7 {
		t.Errorf("error is %v", err)
	}
}

func TestPollClocks(t *testing.T) {
	w := newWorld(t, Config{})
	for _, test := range []struct {
		name  string
		clock uint32
		after time.Duration
		flags uint16
	}{
		{"now", monotonic, 0, 0},
		{"relative", monotonic, 20 * time.Millisecond, 0},
		{"relative, realtime", realtime, 20 * time.Millisecond, 0},
		{"absolute", monotonic, 20 * time.Millisecond, clockAbsolute},
		{"absolute, realtime", realtime, 20 * time.Millisecond, clockAbsolute},
		{"absolute, past", realtime, -time.Hour, clockAbsolute},
	} {
		t.Run(test.name, func(t *testing.T) {
			timeout := int64(test.after)
			if test.flags != 0 {
				now, _ := w.system.now(uint64(test.clock))
				timeout += now
			}
			start := time.Now()
			w.subscribe(0, 17, tagClock, test.clock, uint64(timeout), test.flags)
			w.subscribe(1, 18, tagClock, monotonic, math.MaxUint64, 0)
			events, err := w.poll(2)
			if err != nil || len(events) != 1 || events[0] != (event{userdata: 17}) {
				t.Errorf("events are %v, error %v", events, err)
			}
			if waited := time.Since(start); waited < test.after {
				t.Errorf("waited %v, want %v", waited, test.after)
			}
		})
	}
	w.subscribe(0, 1, tagClock, monotonic, 0, 0)
	w.subscribe(1, 2, tagClock, 9, 0, 0)
	w.subscribe(2, 3, tagClock, monotonic, 0, 0)
	events, err := w.poll(3)
	if err != nil || fmt.Sprint(events) != fmt.Sprint([]event{{userdata: 1}, {userdata: 2, errno: EINVAL}, {userdata: 3}}) {
		t.Errorf("events are %v, error %v", events, err)
	}
}

func TestPollDescriptors(t *testing.T) {
	w := newWorld(t, Config{})
	w.subscribe(0, 1, tagRead, 0, 0, 0)
	w.subscribe(1, 2, tagWrite, 1, 0, 0)
	w.subscribe(2, 3, tagRead, 77, 0, 0)
	w.subscribe(3, 4, tagClock, monotonic, uint64(time.Hour), 0)
	events, err := w.poll(4)
	want := []event{
		{userdata: 1, tag: tagRead, flags: eventHangup},
		{userdata: 2, tag: tagWrite},
		{userdata: 3, tag: tagRead, errno: EBADF},
	}
	if err != nil || fmt.Sprint(events) != fmt.Sprint(want) {
		t.Errorf("events are %v, error %v", events, err)
	}
}

func TestPollRefusesNonsense(t *testing.T) {
	w := newWorld(t, Config{})
	w.subscribe(0, 1, 3, 0, 0, 0)
	if _, err := w.poll(1); err != error(EINVAL) {
		t.Errorf("a subscription of no kind: %v", err)
	}
	for _, test := range []struct {
		want   Errno
		params []uint64
	}{
		{EINVAL, []uint64{0, 0, 0, 0}},
		{EINVAL, []uint64{0, 0, beyond, 0}},
		{EFAULT, []uint64{beyond, 0, 1, 0}},
		{EFAULT, []uint64{0, beyond, 1, 0}},
		{EFAULT, []uint64{0, 0, 1, beyond}},
		{EFAULT, []uint64{engines.PageSize - 47, 0, 1, 0}},
		{EFAULT, []uint64{0, engines.PageSize - 31, 1, 0}},
		{EFAULT, []uint64{0, 0, 2000, 0}},
	} {
		w.expect(test.want, "poll_oneoff", test.params...)
	}
}

func TestDeadlineEndsWaiting(t *testing.T) {
	w := newWorld(t, Config{})
	w.subscribe(0, 1, tagClock, monotonic, uint64(time.Hour), 0)
	w.system.SetDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := w.poll(1)
	wantError(t, err, ErrDeadline)
	_, err = w.poll(1)
	wantError(t, err, ErrDeadline)

	w.system.SetDeadline(time.Time{})
	w.subscribe(0, 1, tagClock, monotonic, 1, 0)
	if _, err := w.poll(1); err != nil {
		t.Errorf("without a deadline: %v", err)
	}

	w.subscribe(0, 1, tagClock, monotonic, uint64(time.Hour), 0)
	time.AfterFunc(10*time.Millisecond, func() { w.system.SetDeadline(time.Now()) })
	_, err = w.poll(1)
	wantError(t, err, ErrDeadline)
}

func TestCloseEndsWaiting(t *testing.T) {
	for range 20 {
		w := newWorld(t, Config{})
		w.subscribe(0, 1, tagClock, monotonic, uint64(time.Hour), 0)
		time.AfterFunc(time.Millisecond, func() { _ = w.system.Close() })
		_, err := w.poll(1)
		wantError(t, err, ErrClosed)
		_, err = w.try("sched_yield")
		wantError(t, err, ErrClosed)
		w.system.SetDeadline(time.Now())
	}
}

func TestGuestWithoutMemory(t *testing.T) {
	w := newWorld(t, Config{})
	w.bytes = nil
	w.expect(EFAULT, "clock_time_get", 0, 0, 0)
	w.expect(EFAULT, "fd_write", 1, 0, 1, 0)
	w.expect(EFAULT, "random_get", 0, 1)
	w.expect(0, "sched_yield")
}

func TestNoAllocation(t *testing.T) {
	w := newWorld(t, Config{})
	functions := map[string]engines.HostFunction{}
	for _, function := range w.system.Functions() {
		functions[function.Name] = function
	}
	w.vectors(100, 200, 5)
	w.subscribe(0, 1, tagClock, monotonic, 0, 0)
	stack := make([]uint64, 9)
	for name, params := range map[string][]uint64{
		"fd_write":       {1, 100, 1, 50},
		"clock_time_get": {monotonic, 1, 50},
		"random_get":     {100, 8},
		"path_open":      make([]uint64, 9),
		"poll_oneoff":    {4096, 16384, 1, 4000},
	} {
		handler := functions[name].Handler
		got := testing.AllocsPerRun(2000, func() {
			copy(stack, params)
			if err := handler(w.guest, stack); err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%s allocates %g times", name, got)
		}
	}
}

// TestListsAreBounded gives lists that fill the memory: each of their elements would become
// several of the host's.
func TestListsAreBounded(t *testing.T) {
	w := newWorld(t, Config{})
	w.bytes = make([]byte, 1<<20)
	w.expect(EINVAL, "poll_oneoff", 0, 0, maxSubscriptions+1, 0)
	for i := range len(w.bytes) / vectorSize {
		w.vectors(uint64(i*vectorSize), 0, 1)
	}
	w.expect(0, "fd_write", 1, 0, uint64(len(w.bytes)/vectorSize), 0)
	if got := w.uint32(0); got != maxVectors {
		t.Errorf("%d vectors were written", got)
	}
	if len(w.system.buffers) > maxVectors || len(w.system.subscriptions) > maxSubscriptions {
		t.Errorf("the system keeps %d buffers and %d subscriptions", len(w.system.buffers), len(w.system.subscriptions))
	}
}
