package stream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rrbench/transport"
)

// awaiting is a writer that copies, and counts how often it waits.
type awaiting struct {
	Writer
	waited int
	fail   error
}

func (s *awaiting) AwaitCompletion(fd int, until int64) error {
	if fd < 0 || until == 0 {
		return errors.New("no socket, or no deadline")
	}
	s.waited++
	return s.fail
}

// The writer is waited for after each acknowledgement, whatever it says, and a payload that
// the kernel does not let go of is one whose connection broke.
func TestAwaitCompletion(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		b := &buffer{}
		l, endpoint := mustServe(t, address, Service{Receiver: b, Deadline: 20 * time.Second})
		defer mustClose(t, l)
		var w *awaiting
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second, NewWriter: func() (Writer, error) {
			w = &awaiting{Writer: NewCopying()}
			return w, nil
		}}, endpoint)
		defer mustClose(t, fan)
		p := payload(100_000, 1)
		var handoff transport.Handoff
		fan.Send(p, &handoff)
		checkDelivery(t, &handoff.Deliveries[0], p)
		b.refuse = errors.New("no memory for it")
		if closed := fan.Send(p, &handoff); closed != 0 || w.waited != 2 {
			t.Errorf("%d connections closed, waited %d times", closed, w.waited)
		}
		b.refuse, w.fail = nil, errors.New("pages are still on their way")
		if closed := fan.Send(p, &handoff); closed != 1 || w.waited != 3 {
			t.Errorf("%d connections closed, waited %d times", closed, w.waited)
		}
		if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), "let go of the payload: pages are still") {
			t.Errorf("error is %v", err)
		}
		fan.Send(p, &handoff)
		if w.waited != 3 {
			t.Error("waited on a closed connection")
		}
	})
}
