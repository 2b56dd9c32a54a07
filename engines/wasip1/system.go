package wasip1

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"rrbench/engines"
)

// ErrClosed ends a guest's call in which the System is closed.
var ErrClosed = errors.New("the guest's WASI system was closed")

// ErrDeadline ends a guest's call that waits beyond the deadline.
var ErrDeadline = errors.New("the guest waited beyond its deadline")

// Config is what a guest finds. The zero value is an empty world.
type Config struct {
	// Arguments and Environment are the program's; an element of Environment is "key=value".
	Arguments, Environment []string
	// Input is standard input; nil is at its end. A read waits as long as Input does, past the
	// deadline too.
	Input io.Reader
	// Output receives what the guest writes to standard output and standard error. Nil
	// discards it. The last 64 KiB are kept either way, see System.Explain. Errors, when not
	// nil, receives standard error alone.
	Output, Errors io.Writer
	// Sockets lets the guest connect to and listen on any address that this process can,
	// over TCP.
	Sockets bool
	// Tune, when not nil, sets the system's options of every TCP socket that is connected to
	// a peer, before anything is sent. A socket that cannot be tuned is used all the same.
	Tune func(descriptor int, peer netip.Addr) error
	// Monotonic is the guest's monotonic clock in nanoseconds; nil counts from New on.
	Monotonic func() int64
}

// System is the operating system of one instance. The instance's calls use it one at a
// time; Close, SetDeadline and Explain may be called meanwhile from elsewhere.
type System struct {
	config Config
	waiter *waiter

	// lock is held during calls, but not while they wait.
	lock        sync.Mutex
	closed      bool
	deadline    time.Time
	descriptors table
	output      tail
	// buffers and subscriptions are used again by each call.
	buffers       [][]byte
	subscriptions []subscription
}

// New makes the system of an instance; it holds a descriptor until Close.
func New(config Config) (*System, error) {
	if config.Monotonic == nil {
		start := time.Now()
		config.Monotonic = func() int64 { return int64(time.Since(start)) }
	}
	if config.Tune == nil {
		config.Tune = func(int, netip.Addr) error { return nil }
	}
	waiter, err := newWaiter()
	if err != nil {
		return nil, err
	}
	s := &System{config: config, waiter: waiter}
	errors := config.Errors
	if errors == nil {
		errors = config.Output
	}
	output := stat{characterDevice, 0, rightWrite | rightFlags | rightPoll}
	s.descriptors.add(&standardInput{stat{characterDevice, 0, rightRead | rightPoll}, config.Input})
	s.descriptors.add(&standardOutput{output, config.Output})
	s.descriptors.add(&standardOutput{output, errors})
	return s, nil
}

// SetDeadline bounds waiting: from then on a call that would wait fails with ErrDeadline,
// one that waits already too. A guest that computes is not stopped. The zero time is no
// deadline.
func (s *System) SetDeadline(deadline time.Time) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.deadline = deadline
	if !s.closed {
		s.waiter.interrupt()
	}
}

// Close closes all sockets of the guest. A call that waits ends with ErrClosed, as does
// every later one.
func (s *System) Close() error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.descriptors.closeAll()
	s.waiter.close()
	return err
}

// CloseAfter is Close for a guest that has failed: first each peer that it was connected to
// gets a last message, and some time to read it, since a connection that is closed with
// bytes unread is reset. It must not be called while the guest runs.
func (s *System) CloseAfter(message []byte, wait time.Duration) error {
	var connected sync.WaitGroup
	s.eachSocket(func(k *streamSocket) { connected.Go(func() { k.endAfter(message, wait) }) })
	connected.Wait()
	return s.Close()
}

// Functions are the host functions that serve this system to its instance.
func (s *System) Functions() []engines.HostFunction {
	functions := make([]engines.HostFunction, 0, len(calls)+len(socketCalls))
	for _, c := range slices.Concat(calls, socketCalls) {
		functions = append(functions, engines.HostFunction{
			FunctionType: c.function,
			Module:       moduleName,
			Handler: func(caller engines.Instance, stack []uint64) error {
				return s.serve(c.handler, caller, stack)
			},
		})
	}
	return functions
}

// serve runs one call: an Errno is the guest's answer, another error ends the guest.
func (s *System) serve(handler handler, caller engines.Instance, stack []uint64) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.closed {
		return ErrClosed
	}
	var m memory
	if exported := caller.Memory(); exported != nil {
		m = exported.Bytes()
	}
	switch err := handler(s, m, stack).(type) {
	case nil:
		if len(stack) > 0 {
			stack[0] = 0
		}
	case Errno:
		stack[0] = uint64(err)
	default:
		return err
	}
	return nil
}

// forever is the timeout of a wait that has none.
const forever = time.Duration(-1)

// expired reports whether the deadline has passed.
func (s *System) expired() bool { return !s.deadline.IsZero() && time.Until(s.deadline) <= 0 }

// wait waits for a descriptor or until the time has passed, negative for ever. The lock is
// free meanwhile. The error is ErrClosed or ErrDeadline.
func (s *System) wait(timeout time.Duration) error {
	if s.expired() {
		return ErrDeadline
	}
	if !s.deadline.IsZero() {
		if left := time.Until(s.deadline); timeout < 0 || timeout > left {
			timeout = max(left, 0)
		}
	}
	s.waiter.waiting = true
	s.lock.Unlock()
	err := s.waiter.wait(timeout)
	s.lock.Lock()
	s.waiter.end(s.closed)
	if s.closed {
		return ErrClosed
	}
	return err
}
