package stream

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// ringing is a source that has opened a ring, in the test's hands.
func ringing(t *testing.T, endpoint transport.Endpoint, waiting memory.Waiting) *link {
	t.Helper()
	fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 5 * time.Second, Ring: waiting}, endpoint)
	t.Cleanup(func() { mustClose(t, fan) })
	return fan.links[0]
}

// mustRing hands a payload over through a ring.
func mustRing(t *testing.T, endpoint transport.Endpoint, waiting memory.Waiting) {
	t.Helper()
	fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second, Ring: waiting}, endpoint)
	defer mustClose(t, fan)
	for _, size := range []int64{1, 100_000, 5 << 20} {
		p := payload(size, 9)
		var handoff transport.Handoff
		fan.Send(p, &handoff)
		checkDelivery(t, &handoff.Deliveries[0], p)
	}
}

// A source that goes mad or dies while its ring is waited for, read or full of what was not taken is
// dropped, what it held is freed and the next one served.
func TestRingMadSource(t *testing.T) {
	for _, waiting := range []memory.Waiting{memory.Learning, memory.Sleeping, memory.Spinning} {
		before := transporttest.Descriptors(t)
		b := &buffer{}
		l, endpoint := mustServe(t, "", Service{Receiver: b, Limit: 8 << 20, Deadline: time.Second, Ring: waiting})
		for name, do := range map[string]func(*link) error{
			"dies before a frame":     func(*link) error { return nil },
			"dies in the header":      func(s *link) error { return s.socket.ring.Write(frame(1, 8)[:9], nil, 0) },
			"dies before the payload": func(s *link) error { return s.socket.ring.Write(frame(1, 1<<20), nil, 0) },
			"dies in the payload":     func(s *link) error { return s.socket.ring.Write(frame(1, 4<<20), make([]byte, 3<<20), 0) },
			"malformed":               func(s *link) error { return s.socket.ring.Write(make([]byte, headerSize), nil, 0) },
			"another ring": func(s *link) error {
				var words [headerSize]byte
				header{flags: ring | withDescriptor, length: 1}.encode(&words)
				return s.socket.ring.Write(words[:], nil, 0)
			},
			"stops in the payload": func(s *link) error {
				if err := s.socket.ring.Write(frame(1, 4<<20), make([]byte, 100), 0); err != nil {
					return err
				}
				return s.socket.ring.Read(make([]byte, answerSize), 0)
			},
		} {
			s := ringing(t, endpoint, waiting)
			if err := do(s); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var d transport.Delivery
			s.abort(&d, errors.New("the end"))
			mustRing(t, endpoint, waiting)
		}
		if live := b.live.Load(); live != 0 {
			t.Errorf("%d places were not released", live)
		}
		mustClose(t, l)
		transporttest.CheckDescriptors(t, before)
	}
}

// A target that closes while it is waited for, or while it is written to, is an error of the source's.
func TestRingTargetGoes(t *testing.T) {
	for _, waiting := range []memory.Waiting{memory.Learning, memory.Sleeping, memory.Spinning} {
		for name, size := range map[string]int64{"waited for": 100, "written to": 8 << 20} {
			b := &buffer{blocking: make(chan struct{})}
			service := Service{Receiver: b, Deadline: 20 * time.Second, Ring: waiting}
			if name == "written to" {
				service.Receiver = &stalled{buffer: b}
			}
			l, endpoint := mustServe(t, "", service)
			fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second, Ring: waiting}, endpoint)
			closed := make(chan error)
			go func() {
				time.Sleep(20 * time.Millisecond)
				go func() {
					time.Sleep(20 * time.Millisecond)
					close(b.blocking)
				}()
				closed <- l.Close()
			}()
			var handoff transport.Handoff
			fan.Send(payload(size, 1), &handoff)
			if err := <-closed; err != nil {
				t.Error(err)
			}
			// What was consumed or refused before the end may still be acknowledged.
			switch err := handoff.Deliveries[0].Err; {
			case name == "written to" && err == nil:
				t.Error("a payload arrived at a target that never took it")
			case name == "waited for" && err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Error(err)
			}
			mustClose(t, fan)
		}
	}
}

// stalled never has a place for a payload.
type stalled struct{ *buffer }

func (s *stalled) Place(uint64) ([]byte, error) {
	<-s.blocking
	return nil, errors.New("closed")
}

// A target opens rings only when it is to, one a connection, and of files that are such.
func TestRingRefused(t *testing.T) {
	l, endpoint := mustServe(t, "", Service{Receiver: &buffer{}, Deadline: 5 * time.Second})
	defer mustClose(t, l)
	if _, err := OpenFan(t.Context(), []transport.Endpoint{endpoint}, FanOptions{Transport: "test", Deadline: 5 * time.Second, Ring: memory.Learning}); err == nil || !strings.Contains(err.Error(), "no ring") {
		t.Errorf("error is %v", err)
	}
	r, ringed := mustServe(t, "", Service{Receiver: &buffer{}, Deadline: 5 * time.Second, Ring: memory.Learning})
	defer mustClose(t, r)
	s := mustDial(t, ringed)
	defer s.close()
	var words [headerSize]byte
	header{flags: ring | withDescriptor, length: 1}.encode(&words)
	if err := unix.Sendmsg(s.fd, words[:], encodeDescriptor(nil, s.fd), nil, 0); err != nil {
		t.Fatal(err)
	}
	var in [envelopeSize + transport.DeliveryLimit]byte
	n, err := unix.Read(s.fd, in[:])
	if err != nil || !strings.Contains(string(in[:n]), "memory file") {
		t.Errorf("the target said %q: %v", in[:max(n, 0)], err)
	}
	s.close()
	mustRing(t, ringed, memory.Learning)
	// One that wants no ring is served as well.
	mustWork(t, ringed)
}
