package shim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"rrbench/control"
)

// largestReply is about how many bytes of records a reply has: well below largestMessage.
const largestReply = 256 << 10

// Run runs a batch on a goroutine of its own and watches over it: a guest that never
// returns keeps that goroutine, and its process, for good.
func (s *server) Run(stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	request, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("receive the batch: %w", err)
	}
	batch := batchFromControl(request.GetBatch())
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

// recordSender sends records to the driver. Its memory is made once, because no garbage is
// collected while guests run.
type recordSender struct {
	stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]
	reply  control.RunReply
}

// send sends records and a window, if there is one, and waits until the driver is done
// with them. Neither is a sign of life.
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
		// The answer is also what allows the memory to be used again.
		if _, err := s.stream.Recv(); err != nil {
			return fmt.Errorf("hand records over: %w", err)
		}
		if len(records) == 0 {
			return nil
		}
	}
}
