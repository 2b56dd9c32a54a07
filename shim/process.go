package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"rrbench/control"
	"rrbench/engines"
	"rrbench/measure"
	"rrbench/transport"
)

const (
	// protocol is what both sides must speak.
	protocol = 7
	// largestMessage bounds what either side accepts: a guest's module, and what is beside it.
	largestMessage = engines.MaxModule + 4<<20

	helloTimeout = 30 * time.Second
	// setupTimeout is for all of a set-up but its guest's initialisation: compiling, mostly.
	// A shim bounds its waits for a guest or a peer by itself; this is for a shim that cannot.
	setupTimeout  = 2 * time.Minute
	addTimeout    = 30 * time.Second
	memoryTimeout = 30 * time.Second
	// shutdownTimeout leaves a hand-off that is under way the time to end.
	shutdownTimeout = 5 * time.Second
	// exitTimeout is for the end of a process that has nothing else left to do.
	exitTimeout = 10 * time.Second
)

// Process is the driver's handle on a shim. Its methods are safe for concurrent use;
// batches of one shim run one after the other.
//
// An error that a shim returned leaves it usable. After an *ExitReason, or an error that is
// transport.ErrNoAnswer, the shim is gone and every further call returns that error.
type Process struct {
	name     string
	instance *Instance
	dialed   *grpc.ClientConn
	control  control.ShimClient

	// exited is closed when the shim has ended, with exit set.
	exited chan struct{}
	exit   ExitReason
	// life ends when the shim has ended or is killed, and its cause is the reason; reported is set when a
	// call has returned that.
	life     context.Context
	end      context.CancelCauseFunc
	reported atomic.Bool

	closed atomic.Bool
	close  func() error
}

// Start starts a shim and waits until it answers. The context bounds the start alone: the
// shim lives until Close, or until the driver ends.
func Start(ctx context.Context, pod Pod, name string, runs transport.Runs) (*Process, error) {
	instance, err := pod.Start(ctx, name, runs)
	if err != nil {
		return nil, fmt.Errorf("start shim %s: %w", name, err)
	}
	p := &Process{name: name, instance: instance, exited: make(chan struct{})}
	p.life, p.end = context.WithCancelCause(context.Background())
	p.close = sync.OnceValue(p.shutdown)
	go p.wait()
	var taken atomic.Bool
	// No idle timeout, no flow-control estimation: nothing moves on the connection but calls.
	p.dialed, err = grpc.NewClient("passthrough:///shim",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if taken.Swap(true) {
				return nil, errors.New("the shim's connection has ended")
			}
			return instance.Connection, nil
		}),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithStaticStreamWindowSize(1<<20),
		grpc.WithStaticConnWindowSize(1<<20),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage), grpc.MaxCallSendMsgSize(largestMessage)))
	if err != nil {
		_ = instance.Connection.Close()
		p.kill(err)
		return nil, errors.Join(fmt.Errorf("start shim %s: %w", name, err), p.ended())
	}
	p.control = control.NewShimClient(p.dialed)

	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	hello, err := p.hello(ctx)
	if err != nil {
		err = p.explain(ctx, "start", err)
	} else if hello.GetProtocol() != protocol {
		err = fmt.Errorf("start shim %s: %s speaks protocol %d, this program %d: it is another version of it", name, instance.Program, hello.GetProtocol(), protocol)
	}
	if err != nil {
		p.kill(err)
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Process) hello(ctx context.Context) (*control.HelloReply, error) {
	return p.control.Hello(ctx, &control.HelloRequest{Protocol: protocol, DriverPid: int64(p.instance.Parent), Address: p.instance.Address})
}

// PID is the shim's process number as this process sees it.
func (p *Process) PID() (int, error) { return p.instance.PID() }

// Add gives the shim a guest that is not built in. Set-ups after it may name it.
func (p *Process) Add(ctx context.Context, guest string, module []byte) error {
	_, err := call(ctx, p, addTimeout, "add a guest", p.control.Add, &control.AddRequest{Guest: []byte(guest), Module: module})
	return err
}

// Serve makes a target function reachable in the shim. What cannot run here is a
// *transport.Unavailable or an *engines.Unavailable.
func (p *Process) Serve(ctx context.Context, transportName string, setup transport.Setup) (transport.Endpoint, error) {
	reply, err := call(ctx, p, setupTimeout+timeout(setup.Deadline), "serve "+transportName, p.control.Serve,
		&control.ServeRequest{Transport: transportName, Setup: carry[control.Setup](&setup)})
	return *carry[transport.Endpoint](reply.GetEndpoint()), err
}

// Open makes a source function in the shim and a route from it to the targets: one more
// worker of later batches.
func (p *Process) Open(ctx context.Context, transportName string, setup transport.Setup, targets []transport.Endpoint) error {
	request := &control.OpenRequest{Transport: transportName, Setup: carry[control.Setup](&setup)}
	for _, target := range targets {
		request.Targets = append(request.Targets, carry[control.Endpoint](&target))
	}
	_, err := call(ctx, p, setupTimeout+timeout(setup.Deadline), "open "+transportName, p.control.Open, request)
	return err
}

// Run runs a batch over all opened routes and calls each with every record, in the order
// of rounds, workers and targets. No round runs while each does; when it returns an
// error, the batch ends and Run returns that error.
//
// A hand-off that failed is a record with its Err, and Run returns nil. A failure other than
// a wrong digest ends the batch with its round. Run returns an error for what has no record:
// a failure in the warm-up, an answer that did not come (transport.ErrNoAnswer), or
// the end of the shim (*ExitReason). Records of finished rounds have been delivered then,
// except for those of the last 50 ms before a crash.
//
// When the context ends, Run returns at once and the shim ends the batch after its round.
//
// The window is the result of the batch's Window, also beside an error; it is zero where
// there was none or the shim is gone.
func (p *Process) Run(ctx context.Context, batch Batch, each func(Record) error) (window Window, err error) {
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := p.control.Run(call)
	if err != nil {
		return window, p.explain(ctx, "run", err)
	}
	// The shim watches its rounds by itself, unless its guests hold every processor. At most a round, a
	// window and a timeout lie between two replies.
	silence := 3*batch.deadline() + batch.Window + 5*time.Second
	alarm := time.AfterFunc(silence, func() {
		p.kill(fmt.Errorf("shim %s: %w within %v: its guests leave it no processor (--deadline)", p.name, transport.ErrNoAnswer, batch.deadline()))
	})
	defer alarm.Stop()
	request := &control.RunRequest{Batch: carry[control.Batch](&batch)}
	for {
		// Recv returns the cause of an error of Send.
		_ = stream.Send(request)
		alarm.Reset(silence)
		reply, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return window, nil
		}
		if ctx.Err() != nil {
			return window, fmt.Errorf("shim %s: run: %w", p.name, context.Cause(ctx))
		}
		if err != nil {
			return window, p.explain(ctx, "run", err)
		}
		alarm.Stop()
		if w := reply.GetWindow(); w != nil {
			if window, err = windowFromControl(w); err != nil {
				return window, fmt.Errorf("shim %s: %w", p.name, err)
			}
		}
		if err := parseRecords(reply.GetRecords(), each); err != nil {
			return window, err
		}
		request = &control.RunRequest{}
	}
}

// Memory reads the shim's memory peaks since its last Serve or Open, or since its last Run
// began. Call it before Close.
func (p *Process) Memory(ctx context.Context) (measure.Memory, error) {
	reply, err := call(ctx, p, memoryTimeout, "read memory", p.control.Memory, &control.MemoryRequest{})
	return *carry[measure.Memory](reply), err
}

// call makes one call within the limit.
func call[Q, R any](ctx context.Context, p *Process, limit time.Duration, step string, method func(context.Context, *Q, ...grpc.CallOption) (*R, error), request *Q) (*R, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	reply, err := method(ctx, request)
	if err != nil {
		return nil, p.explain(ctx, step, err)
	}
	return reply, nil
}

// Close closes routes and targets, ends the shim and waits until it has ended, or kills it when that takes
// too long. It returns what could not be closed, or an *ExitReason that no call has returned.
// Further calls return the same.
func (p *Process) Close() error { return p.close() }

func (p *Process) shutdown() error {
	p.closed.Store(true)
	defer p.dialed.Close()
	if gone := context.Cause(p.life); gone != nil {
		reported := p.reported.Load()
		if err := p.ended(); err != nil {
			return err
		}
		if reported {
			return nil
		}
		return gone
	}
	reply, err := call(context.Background(), p, shutdownTimeout, "shut down", p.control.Shutdown, &control.ShutdownRequest{})
	for _, text := range reply.GetErrors() {
		err = errors.Join(err, fmt.Errorf("shim %s: %s", p.name, text))
	}
	_ = p.dialed.Close()
	if !p.endsWithin(exitTimeout) {
		stuck := fmt.Errorf("shim %s (%s) did not end and was killed", p.name, p.instance.Program)
		p.kill(stuck)
		return errors.Join(err, stuck, p.ended())
	}
	if err == nil && !p.exit.OK {
		err = p.exitOr(nil)
	}
	return err
}

func (p *Process) wait() {
	p.exit = p.instance.Wait()
	p.end(&p.exit)
	close(p.exited)
}

func (p *Process) endsWithin(wait time.Duration) bool {
	select {
	case <-p.exited:
		return true
	case <-time.After(wait):
		return false
	}
}

// kill ends the shim at once; why is the error of all later calls.
func (p *Process) kill(why error) {
	p.end(why)
	p.instance.Kill()
}

// ended waits for a shim that has been killed.
func (p *Process) ended() error {
	if !p.endsWithin(exitTimeout) {
		return fmt.Errorf("shim %s (%s) survived SIGKILL: it hangs in the kernel", p.name, p.instance.Program)
	}
	return nil
}

// Ended returns how the shim ended without being asked to, or nil while it runs. It waits so long for
// a shim that still answers, and longer for one that does not, since a container takes time to be removed.
func (p *Process) Ended(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), exitTimeout)
	defer cancel()
	if _, err := p.hello(ctx); err != nil {
		wait = exitTimeout
	}
	if !p.endsWithin(wait) {
		return nil
	}
	return p.exitOr(nil)
}

// explain adds to the error of a call which shim failed at what, and how the shim ended if it
// did.
func (p *Process) explain(ctx context.Context, step string, err error) error {
	s := status.Convert(err)
	why := fmt.Errorf("shim %s: %s: %s", p.name, step, s.Message())
	switch s.Code() {
	case codeFailed:
		return fmt.Errorf("shim %s: %w", p.name, fromStatus(s))
	case codes.Unavailable:
		// The shim is ending, has been killed or was closed.
		if !p.endsWithin(exitTimeout) {
			p.kill(fmt.Errorf("shim %s: %s: its connection broke and it was killed: %w", p.name, step, err))
			if err := p.ended(); err != nil {
				return err
			}
		}
		return p.exitOr(err)
	case codeNoAnswer:
		why = fmt.Errorf("shim %s: %w", p.name, fromStatus(s))
	case codes.DeadlineExceeded:
		why = fmt.Errorf("shim %s: %s: %w in time (--deadline)", p.name, step, transport.ErrNoAnswer)
	default:
		if ctx.Err() != nil {
			return fmt.Errorf("shim %s: %s: %w", p.name, step, context.Cause(ctx))
		}
		if p.closed.Load() {
			return fmt.Errorf("shim %s: %s: it has been closed", p.name, step)
		}
		return why
	}
	p.kill(why)
	return p.exitOr(why)
}

// exitOr is why the shim is gone, or err when it is not.
func (p *Process) exitOr(err error) error {
	if gone := context.Cause(p.life); gone != nil {
		p.reported.Store(true)
		return gone
	}
	return err
}
