package shim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"rrbench/shim/control"
)

// recordsPerMessage keeps a reply well below largestMessage, long errors included.
const recordsPerMessage = 256

// Run runs a batch on a goroutine of its own and watches over it: a guest that never
// returns keeps that goroutine, and its process, for good.
func (s *server) Run(stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]) error {
	return toStatus(s.run(stream))
}

func (s *server) run(stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]) error {
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
	s.collector.settle()
	r := newRunner(batch, s.workers, s.costs)
	done := make(chan error, 1)
	go func() {
		err := r.run(ctx)
		s.costs = r.costs
		s.end()
		done <- err
	}()

	out := newOutbox(stream)
	watch := time.NewTimer(patience(batch.deadline()))
	defer watch.Stop()
	for {
		select {
		case records := <-r.full:
			if err := out.deliver(records, r.accounted.take()); err != nil {
				return err
			}
			r.taken <- struct{}{}
		case err := <-done:
			if window := r.accounted.take(); window != nil {
				return errors.Join(err, out.deliver(nil, window))
			}
			return err
		case <-watch.C:
			left, overdue := r.overdue()
			if overdue != nil {
				// The records of finished rounds are not touched any more.
				return errors.Join(overdue, out.deliver(r.kept[:r.finished.Load()], r.accounted.take()))
			}
			watch.Reset(left)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// outbox sends records to the driver. Its messages are made once, because nobody collects
// garbage while guests run.
type outbox struct {
	stream  grpc.BidiStreamingServer[control.RunRequest, control.RunReply]
	records []*control.Record
}

func newOutbox(stream grpc.BidiStreamingServer[control.RunRequest, control.RunReply]) *outbox {
	records := make([]*control.Record, recordsPerMessage)
	for i := range records {
		records[i] = &control.Record{Timeline: &control.Timeline{}}
	}
	return &outbox{stream, records}
}

// deliver sends records and a window, if there is one, and waits until the driver is done
// with them. Neither is a sign of life.
func (o *outbox) deliver(records []Record, window *control.Window) error {
	for {
		n := min(len(records), recordsPerMessage)
		for i := range n {
			recordToControl(&records[i], o.records[i])
		}
		if err := o.stream.Send(&control.RunReply{Records: o.records[:n], Window: window}); err != nil {
			return fmt.Errorf("hand records over: %w", err)
		}
		window = nil
		// The answer is also what allows the messages to be used again.
		if _, err := o.stream.Recv(); err != nil {
			return fmt.Errorf("hand records over: %w", err)
		}
		if records = records[n:]; len(records) == 0 {
			return nil
		}
	}
}
