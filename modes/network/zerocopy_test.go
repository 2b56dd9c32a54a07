package network

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport/transporttest"
)

// pair is two connected TCP sockets; what is sent into the first and cannot go on is given
// up after a while.
func pair(t *testing.T, timeout time.Duration) (sender, receiver int) {
	t.Helper()
	files, err := connectedPair()
	t.Cleanup(func() {
		for _, file := range files {
			_ = file.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	sender, receiver = int(files[0].Fd()), int(files[1].Fd())
	value := unix.NsecToTimeval(int64(timeout))
	if err := unix.SetsockoptTimeval(sender, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &value); err != nil {
		t.Fatal(err)
	}
	return sender, receiver
}

// mustRead reads n bytes.
func mustRead(t *testing.T, fd, n int) []byte {
	t.Helper()
	got := make([]byte, n)
	for done := 0; done < n; {
		m, err := unix.Read(fd, got[done:])
		if err == unix.EINTR {
			continue
		}
		if m <= 0 {
			t.Errorf("after %d of %d bytes: %v", done, n, err)
			return got
		}
		done += m
	}
	return got
}

// sendThrough sends a header and a payload and checks what arrives, and that the kernel has
// let go of everything.
func sendThrough(t *testing.T, r *referring, sender, receiver int, header, payload []byte) {
	t.Helper()
	until := measure.Now() + int64(20*time.Second)
	sent := make(chan error, 1)
	go func() {
		err := r.Write(sender, header, payload, until)
		if err == nil {
			err = r.AwaitCompletion(sender, until)
		}
		sent <- err
	}()
	got := mustRead(t, receiver, len(header)+len(payload))
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got, append(bytes.Clone(header), payload...)) {
		t.Errorf("other bytes than the %d sent arrived", len(payload))
	}
	if r.sent != r.done {
		t.Errorf("%d of %d sends are complete", r.done, r.sent)
	}
}

func TestReferredBytes(t *testing.T) {
	memory := mustMap(t, 9<<20)
	header := []byte("a header of twenty-four.")
	before := transporttest.Descriptors(t)
	sender, receiver := pair(t, 20*time.Second)
	r := &referring{}
	for _, test := range []struct{ offset, length int }{
		{0, 1}, {4095, 1}, {4095, 2}, {0, 4096}, {1, 4096}, {0, 1 << 20}, {1, 1 << 20}, {3, 1<<20 + 1}, {4095, 8<<20 + 5},
	} {
		sendThrough(t, r, sender, receiver, header, memory[test.offset:test.offset+test.length])
	}
	t.Logf("%d sends, %d of them copied by the kernel", r.sent, r.copied)
	if r.sent == 0 {
		t.Error("nothing was sent by reference")
	}
	// The counters wrap around.
	r.sent, r.done = math.MaxUint32, math.MaxUint32
	sendThrough(t, r, sender, receiver, header, memory[:1<<20])
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if now := transporttest.Descriptors(t); len(now) != len(before)+2 {
		t.Errorf("descriptors: %v", now)
	}
}

func TestReferringAllocatesNothing(t *testing.T) {
	memory := mustMap(t, 64<<10)
	sender, receiver := pair(t, 20*time.Second)
	r := &referring{}
	header, into := make([]byte, 24), make([]byte, len(memory)+24)
	n := testing.AllocsPerRun(50, func() {
		if err := r.Write(sender, header, memory, 0); err != nil {
			t.Error(err)
		}
		for left := len(into); left > 0; {
			n, err := unix.Read(receiver, into[:left])
			if n <= 0 && err != unix.EINTR {
				t.Error(err)
				return
			}
			left -= max(n, 0)
		}
		if err := r.AwaitCompletion(sender, 0); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Somebody without privilege may have few pages referred to at a time; what there is no room
// for waits, or is copied.
func TestReferringLittle(t *testing.T) {
	memory := mustMap(t, 6<<20)
	var usual unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &usual); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &usual); err != nil {
			t.Error(err)
		}
	})
	for _, limit := range []uint64{0, 64 << 10, 700 << 10, 3 << 20} {
		sender, receiver := pair(t, 20*time.Second)
		r := &referring{}
		sent := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // and the thread ends with the goroutine
			if err := loseLock(limit); err != nil {
				sent <- err
				return
			}
			until := measure.Now() + int64(20*time.Second)
			err := r.Write(sender, []byte("header"), memory, until)
			if err == nil {
				err = r.AwaitCompletion(sender, until)
			}
			sent <- err
		}()
		got := mustReadUnless(t, receiver, 6+len(memory), sent)
		if got == nil {
			continue
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got[6:], memory) {
			t.Errorf("with room for %d bytes: other bytes arrived", limit)
		}
		if (limit < pieceSize/2) != (r.sent == 0) || r.sent != r.done {
			t.Errorf("with room for %d bytes: %d sends, %d complete", limit, r.sent, r.done)
		}
		t.Logf("with room for %d bytes: %d sends by reference", limit, r.sent)
	}
}

// mustReadUnless is mustRead that ends when the sender says early that it failed.
func mustReadUnless(t *testing.T, fd, n int, failed chan error) []byte {
	select {
	case err := <-failed:
		if err != nil {
			t.Error(err)
			return nil
		}
		failed <- nil
	case <-time.After(20 * time.Millisecond):
	}
	return mustRead(t, fd, n)
}

// loseLock takes from this thread the permission to lock memory without limit, and limits
// that to some bytes for the process.
func loseLock(limit uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &before); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: limit, Max: before.Max})
}

// hold has the sender take payloads of some MiB of which the receiver takes little.
func hold(t *testing.T, sender, receiver int) {
	t.Helper()
	if err := unix.SetsockoptInt(receiver, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10); err != nil {
		t.Fatal(err)
	}
	err := unix.SetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8<<20)
	if errors.Is(err, unix.EPERM) {
		t.Skip("a send buffer of this size needs CAP_NET_ADMIN: run as root")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A peer that closes, or stops reading, ends the writing, and the waiting for the kernel.
func TestReferToNobody(t *testing.T) {
	memory := mustMap(t, 32<<20)
	for _, test := range []struct {
		name  string
		stops bool
		size  int
		want  error
	}{
		{"closes while it is written to", false, 32 << 20, unix.EPIPE},
		{"stops reading while it is written to", true, 32 << 20, os.ErrDeadlineExceeded},
		{"closes before it has read all", false, 3 << 20, unix.EPIPE},
		{"stops reading before it has read all", true, 3 << 20, os.ErrDeadlineExceeded},
	} {
		// Only a peer that stops is waited for in vain.
		timeout := 20 * time.Second
		if test.stops {
			timeout = 50 * time.Millisecond
		}
		sender, receiver := pair(t, timeout)
		hold(t, sender, receiver)
		closed := make(chan struct{})
		if !test.stops {
			time.AfterFunc(20*time.Millisecond, func() {
				_ = unix.Shutdown(receiver, unix.SHUT_RDWR)
				_ = unix.SetsockoptLinger(receiver, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
				null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err == nil {
					_ = unix.Dup3(null, receiver, unix.O_CLOEXEC) // closes the socket, keeps the number taken
					_ = unix.Close(null)
				}
				close(closed)
			})
		} else {
			close(closed)
		}
		r := &referring{}
		err := r.Write(sender, []byte("header"), memory[:test.size], measure.Now()+int64(time.Minute))
		if err == nil && test.size < 32<<20 {
			err = r.AwaitCompletion(sender, measure.Now()+int64(timeout))
		}
		if !errors.Is(err, test.want) && !(test.want == unix.EPIPE && errors.Is(err, unix.ECONNRESET)) {
			t.Errorf("a peer that %s: error is %v, want %v", test.name, err, test.want)
		}
		<-closed
	}
}

// What is on its way when a transfer is given up does not change any more, whatever the
// guest does to its region. Without Detach it does: the pages are sent from where they are.
func TestDetachReferred(t *testing.T) {
	for _, test := range []struct{ detached, large bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		detached := test.detached
		memory := mustMap(t, 8<<20)
		if test.large {
			mustBeLarge(t, memory)
		}
		// No border of a large page.
		memory = memory[12345 : 12345+4<<20]
		before := bytes.Clone(memory)
		sender, receiver := pair(t, 50*time.Millisecond)
		hold(t, sender, receiver)
		r := &referring{}
		if err := r.Write(sender, []byte("header"), memory, 0); err != nil {
			t.Fatal(err)
		}
		if err := r.AwaitCompletion(sender, measure.Now()+int64(20*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nothing was read, but the kernel is done: %v", err)
		}
		if detached {
			if err := Detach(memory); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(memory, before) {
				t.Error("the memory changed")
			}
		}
		clear(memory)
		got := mustRead(t, receiver, 6+len(before))[6:]
		if kept := bytes.Equal(got, before); kept != detached {
			t.Errorf("detached %v, but what arrived was kept: %v", detached, kept)
		}
		if err := r.AwaitCompletion(sender, measure.Now()+int64(10*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// mustBeLarge has memory consist of large pages, where the kernel has some.
func mustBeLarge(t *testing.T, memory []byte) {
	t.Helper()
	content := bytes.Clone(memory)
	for _, advice := range []int{unix.MADV_HUGEPAGE, unix.MADV_DONTNEED} {
		if err := unix.Madvise(memory, advice); err != nil && err != unix.EINVAL {
			t.Fatal(err)
		}
	}
	copy(memory, content)
}

func TestProbe(t *testing.T) {
	if err := probeZerocopy(); err != nil {
		t.Fatal(err)
	}
	copied, err := copiesOnLoopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("over loopback, the kernel copies what it was to refer to: %v", copied)
	if facts := zerocopyFacts(); (len(facts) > 0) != copied {
		t.Errorf("facts are %v", facts)
	}
}

// A socket that refuses SO_ZEROCOPY is an error that says so.
func TestReferRefused(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	if err := (&referring{}).Write(ends[0], []byte("header"), mustMap(t, 4096), 0); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("error is %v", err)
	}
}

// message is a control message.
func message(level, kind int32, data []byte) []byte {
	m := make([]byte, unix.CmsgSpace(len(data)))
	binary.NativeEndian.PutUint64(m, uint64(unix.CmsgLen(len(data))))
	binary.NativeEndian.PutUint32(m[8:], uint32(level))
	binary.NativeEndian.PutUint32(m[12:], uint32(kind))
	copy(m[unix.CmsgLen(0):], data)
	return m
}

// said is a struct sock_extended_err.
func said(errno uint32, origin, code byte, first, last uint32) []byte {
	p := binary.NativeEndian.AppendUint32(nil, errno)
	p = append(p, origin, 0, code, 0)
	return binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(p, first), last)
}

func TestParseNotification(t *testing.T) {
	zerocopy := byte(unix.SO_EE_ORIGIN_ZEROCOPY)
	stranger := message(unix.SOL_SOCKET, unix.SO_TIMESTAMP, make([]byte, 16))
	for name, test := range map[string]struct {
		control []byte
		want    notification
		ok      bool
	}{
		"one":             {message(unix.SOL_IP, unix.IP_RECVERR, said(0, zerocopy, 0, 7, 7)), notification{7, 7, false}, true},
		"version 6":       {message(unix.SOL_IPV6, unix.IPV6_RECVERR, said(0, zerocopy, 0, 1, 9)), notification{1, 9, false}, true},
		"copied":          {message(unix.SOL_IP, unix.IP_RECVERR, said(0, zerocopy, unix.SO_EE_CODE_ZEROCOPY_COPIED, 0, 2)), notification{0, 2, true}, true},
		"wraps around":    {message(unix.SOL_IP, unix.IP_RECVERR, said(0, zerocopy, 0, math.MaxUint32, 1)), notification{math.MaxUint32, 1, false}, true},
		"with an address": {message(unix.SOL_IP, unix.IP_RECVERR, append(said(0, zerocopy, 0, 3, 4), make([]byte, 16)...)), notification{3, 4, false}, true},
		"after another":   {append(bytes.Clone(stranger), message(unix.SOL_IP, unix.IP_RECVERR, said(0, zerocopy, 0, 3, 4))...), notification{3, 4, false}, true},
		"nothing":         {nil, notification{}, false},
		"another alone":   {stranger, notification{}, false},
		"cut off":         {message(unix.SOL_IP, unix.IP_RECVERR, said(0, zerocopy, 0, 3, 4)[:12]), notification{}, false},
		"garbled":         {[]byte{1, 2, 3}, notification{}, false},
		"a real error":    {message(unix.SOL_IP, unix.IP_RECVERR, said(uint32(unix.EHOSTUNREACH), unix.SO_EE_ORIGIN_ICMP, 0, 0, 0)), notification{}, false},
	} {
		got, ok, err := parseNotification(test.control)
		if got != test.want || ok != test.ok || (err == nil) != test.ok {
			t.Errorf("%s: %+v %v %v", name, got, ok, err)
		}
	}
}

// Notifications may come in any order, but not about what was not sent.
func TestTake(t *testing.T) {
	r := &referring{sent: 3, done: math.MaxUint32 - 1} // five under way
	for _, n := range []notification{{2, 3, true}, {math.MaxUint32 - 1, 0, false}} {
		if err := r.take(n); n.count() == 2 && err != nil {
			t.Error(err)
		}
	}
	if r.copied != 2 || r.sent != r.done {
		t.Errorf("%+v", r)
	}
	if err := r.take(notification{0, 0, false}); err == nil {
		t.Error("more are complete than were sent")
	}
}
