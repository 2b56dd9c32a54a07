package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// resolver is a buffer that reads a payload from the descriptor that comes with it.
type resolver struct {
	buffer
	disconnected chan struct{}
	// follow, when set, brings payloads after their references.
	follow chan []byte

	// lock is for the race detector, which does not see that a frame sent comes before the
	// frame received.
	lock     sync.Mutex
	resolve  error
	held     bool
	released uint64
	locator  []byte
	process  int
}

// will sets what the target does from now on.
func (r *resolver) will(resolve, fail error, held bool, released uint64) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.resolve, r.fail, r.held, r.released = resolve, fail, held, released
}

func (r *resolver) Resolve(n uint64, reference Reference) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.locator, r.process = append(r.locator[:0], reference.Locator...), reference.Process
	if r.resolve != nil {
		return r.resolve
	}
	place, err := r.Place(n)
	if err != nil {
		return err
	}
	if reference.Withdrawn() {
		return errors.New("the source is gone")
	}
	if r.follow != nil {
		copy(place, <-r.follow)
		return nil
	}
	if _, err := unix.Pread(reference.Descriptor, place, 0); err != nil {
		r.live.Add(-1)
		return fmt.Errorf("read: %w", err)
	}
	return nil
}

func (r *resolver) Holds() (bool, uint64) {
	r.lock.Lock()
	defer r.lock.Unlock()
	released := r.released
	r.released = 0
	return r.held, released
}

func (r *resolver) Disconnected() { close(r.disconnected) }

func (r *resolver) Consume(d *transport.Delivery) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.buffer.Consume(d)
}

func newResolver() *resolver { return &resolver{disconnected: make(chan struct{})} }

func memoryFile(t testing.TB, content []byte) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.Pwrite(fd, content, 0); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestReferences(t *testing.T) {
	for _, serial := range []bool{false, true} {
		t.Run(fmt.Sprintf("serial=%v", serial), func(t *testing.T) { testReferences(t, serial) })
	}
}

func testReferences(t *testing.T, serial bool) {
	before := transporttest.Descriptors(t)
	p := payload(100_000, 1)
	fd := memoryFile(t, p)
	var targets []*resolver
	var endpoints []transport.Endpoint
	for range 3 {
		r := newResolver()
		l, endpoint := mustServe(t, "", Service{Receiver: r, Deadline: 10 * time.Second})
		defer mustClose(t, l)
		targets, endpoints = append(targets, r), append(endpoints, endpoint)
	}
	fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 10 * time.Second, Serial: serial}, endpoints...)
	for _, process := range fan.Processes() {
		if process != os.Getpid() {
			t.Errorf("process %d is said to be at the other end", process)
		}
	}
	var handoff transport.Handoff
	refer := func(fd int, locator string) int {
		return fan.Refer(Reference{ID: 7, Descriptor: fd, Locator: []byte(locator)}, p, &handoff)
	}
	checkAll := func() {
		t.Helper()
		for i := range handoff.Deliveries {
			checkDelivery(t, &handoff.Deliveries[i], p)
		}
	}
	for _, locator := range []string{"", "there", strings.Repeat("x", LocatorLimit)} {
		if held := refer(fd, locator); held != 0 {
			t.Errorf("%d targets hold what none does", held)
		}
		checkAll()
		for i, target := range targets {
			target.lock.Lock()
			if string(target.locator) != locator || target.process != os.Getpid() {
				t.Errorf("target %d got %d bytes of locator from process %d", i, len(target.locator), target.process)
			}
			target.lock.Unlock()
		}
	}
	// One target cannot follow, asks for the bytes and holds nothing then; another does hold.
	targets[0].will(fmt.Errorf("not now: %w", ErrSendBytes), nil, true, 0)
	targets[1].will(nil, nil, true, 0)
	targets[2].will(nil, nil, false, 9)
	if held := refer(fd, ""); held != 1 {
		t.Errorf("%d targets hold", held)
	}
	checkAll()
	if released := fan.TakeReleased(); len(released) != 1 || released[0] != 9 {
		t.Errorf("released: %v", released)
	}
	if released := fan.TakeReleased(); len(released) != 0 {
		t.Errorf("released twice: %v", released)
	}
	// A payload sent as bytes can bring the news, too.
	targets[1].will(nil, nil, false, 7)
	fan.Send(p, &handoff)
	checkAll()
	if released := fan.TakeReleased(); len(released) != 1 || released[0] != 7 {
		t.Errorf("released: %v", released)
	}
	// One refuses, the others do not care.
	targets[0].will(errors.New("it is too short"), nil, false, 0)
	if held := refer(fd, ""); held != 0 {
		t.Errorf("%d targets hold", held)
	}
	if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), "it is too short") {
		t.Errorf("error %v", err)
	}
	checkDelivery(t, &handoff.Deliveries[1], p)
	targets[0].will(nil, nil, false, 0)
	// A handler that fails.
	targets[2].will(nil, errors.New("it trapped"), false, 0)
	refer(fd, "")
	if err := handoff.Deliveries[2].Err; err == nil || !strings.Contains(err.Error(), "it trapped") {
		t.Errorf("error %v", err)
	}
	targets[2].will(nil, nil, false, 0)
	refer(fd, "")
	checkAll()
	reference := Reference{ID: 7, Descriptor: fd, Locator: []byte("there")}
	if n := testing.AllocsPerRun(50, func() { fan.Refer(reference, p, &handoff) }); n != 0 {
		t.Errorf("%v allocations a hand-off", n)
	}
	mustClose(t, fan)
	for _, target := range targets {
		<-target.disconnected
		if live := target.live.Load(); live != 0 {
			t.Errorf("%d payloads not released", live)
		}
	}
	transporttest.CheckDescriptors(t, append(before, "the test's own", "l", "l", "l"))
}

// prepared is a resolver that is prepared for what it gets.
type prepared struct {
	*resolver
	err     error
	closing context.Context
	told    string
}

func (p *prepared) Prepare(ctx context.Context, locator []byte) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.closing, p.told = ctx, string(locator)
	return p.err
}

func (p *prepared) Consume(d *transport.Delivery) error {
	err := p.resolver.Consume(d)
	d.Length, d.Timeline.Received = 7, d.Timeline.CopiedIn
	d.Timeline.Consumed = d.Timeline.Delivered + 1
	return err
}

// A target is prepared before the first payload, gets payloads that follow their references,
// and fills in what it knows of a delivery.
func TestPreparation(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		p := &prepared{resolver: newResolver()}
		p.follow = make(chan []byte, 1)
		target, err := Serve("test", address, Service{Receiver: p, Deadline: 10 * time.Second, Facts: map[string]string{"a": "fact"}}, func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if endpoint := target.Endpoint(); endpoint.Transport != "test" || endpoint.Facts["a"] != "fact" {
			t.Errorf("the endpoint is %+v", endpoint)
		}
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 10 * time.Second, Preparation: []byte("there")}, target.Endpoint())
		p.lock.Lock()
		if p.told != "there" {
			t.Errorf("the target was prepared for %q", p.told)
		}
		p.lock.Unlock()
		content := payload(1000, 1)
		var handoff transport.Handoff
		reference := Reference{ID: 1, Descriptor: -1, Then: func() error { p.follow <- content; return nil }}
		fan.Refer(reference, content, &handoff)
		d := &handoff.Deliveries[0]
		if line := d.Timeline; d.Err != nil || d.Length != 7 || d.Digest != payloads.Digest(content) || line.Received != line.CopiedIn || line.Consumed != line.Delivered+1 {
			t.Errorf("delivery %+v", d)
		}
		failure := errors.New("it was not published")
		reference.Then = func() error { p.follow <- content; return failure }
		if held := fan.Refer(reference, content, &handoff); held != 1 || !errors.Is(handoff.Deliveries[0].Err, failure) {
			t.Errorf("%d connections were closed, error %v", held, handoff.Deliveries[0].Err)
		}
		mustClose(t, fan)
		<-p.disconnected
		if p.closing.Err() != nil {
			t.Error("the target is said to be closed")
		}
		mustClose(t, target)
		if p.closing.Err() == nil {
			t.Error("the target is not said to be closed")
		}
	})
}

func TestPreparationFails(t *testing.T) {
	for locator, want := range map[string]string{"there": "there is no server", strings.Repeat("x", LocatorLimit+1): "possible are 1 to"} {
		p := &prepared{resolver: newResolver(), err: errors.New("there is no server")}
		l, endpoint := mustServe(t, "", Service{Receiver: p, Deadline: 10 * time.Second})
		_, err := OpenFan(context.Background(), []transport.Endpoint{endpoint}, FanOptions{Transport: "test", Preparation: []byte(locator)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		<-p.disconnected
		mustClose(t, l)
	}
}

// A target that hangs up may hold what it was sent, and what it was sent is not leaked.
func TestReferenceToADyingTarget(t *testing.T) {
	r := newResolver()
	r.blocking = make(chan struct{})
	l, endpoint := mustServe(t, "", Service{Receiver: r, Deadline: time.Second})
	fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 300 * time.Millisecond}, endpoint)
	p := payload(1000, 1)
	fd := memoryFile(t, p)
	var handoff transport.Handoff
	if held := fan.Refer(Reference{ID: 1, Descriptor: fd}, p, &handoff); held != 1 {
		t.Errorf("a target that did not answer holds %d", held)
	}
	if err := handoff.Deliveries[0].Err; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if held := fan.Refer(Reference{ID: 1, Descriptor: fd}, p, &handoff); held != 0 || handoff.Deliveries[0].Err == nil {
		t.Errorf("a target that is gone holds %d, error %v", held, handoff.Deliveries[0].Err)
	}
	close(r.blocking)
	mustClose(t, fan)
	<-r.disconnected
	mustClose(t, l)
}

func TestMadReferences(t *testing.T) {
	p := payload(5000, 1)
	fd := memoryFile(t, p)
	frame := func(flags flags, id uint64, size int, locator string) []byte {
		var head [headerSize]byte
		header{flags, 1, 5000, id, size}.encode(&head)
		return append(head[:], locator...)
	}
	for name, test := range map[string]struct {
		frame   []byte
		control []byte
		plain   bool
		want    status
	}{
		"malformed id":           {frame(byReference, 0, 0, ""), nil, false, statusMalformed},
		"locator of a stream":    {frame(0, 0, 1, "x"), nil, false, statusMalformed},
		"endless locator":        {frame(byReference, 1, LocatorLimit+1, ""), nil, false, statusMalformed},
		"descriptor of a stream": {append(frame(0, 0, 0, ""), p...), unix.UnixRights(fd), false, statusMalformed},
		"descriptor unannounced": {frame(byReference, 1, 0, ""), unix.UnixRights(fd), false, statusMalformed},
		"descriptor announced":   {frame(byReference|withDescriptor, 1, 0, ""), nil, false, statusSendBytes},
		"two descriptors":        {frame(byReference|withDescriptor, 1, 0, ""), unix.UnixRights(fd, fd), false, statusConsumed},
		"many descriptors":       {frame(byReference|withDescriptor, 1, 0, ""), unix.UnixRights(fd, fd, fd, fd, fd, fd), false, statusConsumed},
		"no resolver":            {frame(byReference, 1, 0, ""), nil, true, statusMalformed},
		"no preparer":            {frame(preparation, 0, 0, ""), nil, false, statusMalformed},
		"two kinds of frame":     {frame(preparation|byReference, 1, 0, ""), nil, false, statusMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			before := transporttest.Descriptors(t)
			r := newResolver()
			var receiver Receiver = r
			if test.plain {
				receiver = &r.buffer
			}
			l, endpoint := mustServe(t, "", Service{Receiver: receiver, Deadline: 10 * time.Second})
			s := mustDial(t, endpoint)
			if _, err := unix.SendmsgN(s.fd, test.frame, test.control, nil, 0); err != nil {
				t.Fatal(err)
			}
			var in [answerSize]byte
			if err := s.readFull(in[:], 0); err != nil {
				t.Fatal(err)
			}
			e, text, err := parseAnswer(in[:])
			if err != nil || e.status != test.want {
				t.Errorf("status %d, error %v, want %d", e.status, err, test.want)
			}
			var d transport.Delivery
			if test.want == statusConsumed && (text > 0 || d.Answer(in[envelopeSize:]) != nil || d.Digest != payloads.Digest(p)) {
				t.Error("wrong digest")
			}
			s.close()
			mustClose(t, l)
			transporttest.CheckDescriptors(t, before)
		})
	}
}
