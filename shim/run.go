package shim

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"rrbench/control"
	"rrbench/measure"
	"rrbench/transport"
)

// largestReply is about how many bytes of records a reply has: well below largestMessage.
const largestReply = 256 << 10

// Run runs a batch on a goroutine of its own and watches it: a guest that never returns
// blocks that goroutine for ever.
func (s *server) Run(stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	request, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("receive the batch: %w", err)
	}
	batch := *carry[Batch](request.GetBatch())
	if err := batch.check(); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	if len(s.workers) == 0 {
		s.end()
		return errors.New("run a batch: no route has been opened")
	}
	s.collector.begin()
	r := newRunner(batch, s.workers, s.costs)
	done := make(chan error, 1)
	go func() {
		err := r.run(ctx)
		s.costs = r.costs
		s.end()
		done <- err
	}()

	out := &recordSender{stream: stream}
	watch := time.NewTimer(timeout(batch.deadline()))
	defer watch.Stop()
	for {
		select {
		case records := <-r.batches:
			if err := out.send(records, r.open.Load().take()); err != nil {
				return err
			}
			r.ack <- struct{}{}
		case err := <-done:
			if window := r.open.Load().take(); window != nil {
				return errors.Join(err, out.send(nil, window))
			}
			return err
		case <-watch.C:
			left, overdue := r.overdue()
			if overdue != nil {
				// The records of finished rounds are not touched any more.
				return errors.Join(overdue, out.send(r.kept[:r.finished.Load()], r.open.Load().take()))
			}
			watch.Reset(left)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recordSender sends records to the driver. It reuses its memory, because no garbage is
// collected while guests run.
type recordSender struct {
	stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]
	reply  control.RunReply
}

// send sends records and a window, if there is one, and waits until the driver is done
// with them. Without either the message is a sign of life.
func (s *recordSender) send(records []Record, window *Window) error {
	s.reply.Window = window.toControl()
	for {
		s.reply.Records = s.reply.Records[:0]
		for len(records) > 0 && len(s.reply.Records) < largestReply {
			s.reply.Records = records[0].appendTo(s.reply.Records)
			records = records[1:]
		}
		if err := s.stream.Send(&s.reply); err != nil {
			return fmt.Errorf("hand records over: %w", err)
		}
		s.reply.Window = nil
		// After the answer the memory may be used again.
		if _, err := s.stream.Recv(); err != nil {
			return fmt.Errorf("hand records over: %w", err)
		}
		if len(records) == 0 {
			return nil
		}
	}
}

// watched is the step of a round that a runner is at. It is written by the runner alone,
// and read when the step has taken too long.
type watched struct {
	// since is when the step began (measure.Now), 0 between steps.
	since   atomic.Int64
	round   atomic.Int64
	sending atomic.Bool
}

// enter and leave enclose a step that can hang. They must stay functions with these arguments, because
// package audit traces them to know when a hand-off is under way.
//
//go:noinline
func (w *watched) enter(round int, sending bool) {
	w.round.Store(int64(round))
	w.sending.Store(sending)
	w.since.Store(measure.Now())
}

//go:noinline
func (w *watched) leave() { w.since.Store(0) }

// timeout is how long a step may take: longer than the deadline, after which transports time out by
// themselves with a better reason.
func timeout(deadline time.Duration) time.Duration {
	return deadline + min(max(deadline/4, 500*time.Millisecond), 2*time.Second)
}

// overdue returns how long the present step may still take, or an error when that time is
// over.
func (r *runner) overdue() (left time.Duration, err error) {
	deadline := r.batch.deadline()
	allowed := timeout(deadline)
	since := r.since.Load()
	window := r.open.Load()
	if since == 0 {
		since = window.since()
	}
	if since == 0 {
		return allowed, nil
	}
	if left := allowed - time.Duration(measure.Now()-since); left > 0 {
		return left, nil
	}
	where := "the warm-up"
	switch round := r.watched.round.Load(); {
	case round >= 0:
		where = fmt.Sprintf("round %d of %d", round+1, r.batch.Rounds)
	case window != nil && window.result.Load() == nil:
		return 0, fmt.Errorf("%w within %v: a hand-off of the window is still under way (--deadline)", transport.ErrNoAnswer, deadline)
	case round == firstRound:
		where = "the first round"
	}
	doing := "preparing its payload"
	if r.sending.Load() {
		doing = "sending"
	}
	return 0, fmt.Errorf("%w within %v: %s is still %s (--deadline)", transport.ErrNoAnswer, deadline, where, doing)
}
