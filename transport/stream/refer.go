package stream

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// Refer is Send for a payload that the targets find by reference. Where one cannot, it is
// sent the bytes. It returns at how many targets the payload may still be in use, so that
// the memory referred to must not be written to: those that say so, and those whose
// connections broke on the way. It allocates nothing unless it fails.
//
// A frame with a reference is short: all are sent from the caller's goroutine before the
// first acknowledgement is awaited. That starts a hundred targets sooner than waking a
// hundred threads would. A serial fan awaits each before the next is sent, unless one call of
// reference.Then serves all.
func (f *Fan) Refer(reference Reference, payload []byte, handoff *transport.Handoff) (held int) {
	handoff.Resize(len(f.links))
	before := f.closedLinks()
	f.encode(reference, len(payload))
	serial := f.serial && reference.Then == nil
	for i, l := range f.links {
		d := &handoff.Deliveries[i]
		l.awaited = l.begin(payload, handoff.Start, d) && l.refer(f.frame, f.control, payload, d)
		if serial {
			l.await(payload, d, nil)
		}
	}
	var failure error
	if reference.Then != nil {
		failure = reference.Then()
	}
	for i, l := range f.links {
		if !serial {
			l.await(payload, &handoff.Deliveries[i], failure)
		}
	}
	held = f.closedLinks() - before
	unknown := false
	for _, l := range f.links {
		if l.held {
			held++
		}
		unknown = unknown || l.resent
	}
	if unknown && reference.Unknown != nil {
		reference.Unknown()
	}
	return held
}

// await takes in the acknowledgement of a reference, if there will be one. failure is why the
// target waits in vain.
func (l *link) await(payload []byte, d *transport.Delivery, failure error) {
	if !l.awaited {
		return
	}
	if failure != nil {
		l.abort(d, failure)
		return
	}
	if err := l.collect(); err != nil {
		l.abort(d, fmt.Errorf("wait for the target's acknowledgement: %w", err))
		return
	}
	if start := d.Timeline.Start; l.conclude(d) == statusSendBytes {
		l.deliver(0, payload, start, d)
		l.resent = true
	}
}

// TakeReleased returns the IDs of references that targets held and have released since it
// was asked last, once for each target. The result is valid until the next call.
func (f *Fan) TakeReleased() []uint64 {
	f.released = f.released[:0]
	for _, l := range f.links {
		if l.released != 0 {
			f.released = append(f.released, l.released)
			l.released = 0
		}
	}
	return f.released
}

// Processes are those at the other ends of Unix sockets, one a target (SO_PEERCRED).
func (f *Fan) Processes() (processes []int) {
	for _, l := range f.links {
		if l.socket != nil {
			processes = append(processes, l.socket.process)
		}
	}
	return processes
}

// encode makes the frame of a reference.
func (f *Fan) encode(reference Reference, length int) {
	var head [headerSize]byte
	h := header{flags: byReference, length: uint64(length), id: reference.ID, locator: len(reference.Locator)}
	f.control = f.control[:0]
	if reference.Descriptor >= 0 {
		h.flags |= withDescriptor
		f.control = encodeDescriptor(f.control, reference.Descriptor)
	}
	h.encode(&head)
	f.frame = append(append(f.frame[:0], head[:]...), reference.Locator...)
}

// refer sends the frame of a reference, and says whether an acknowledgement will follow.
func (l *link) refer(frame, control, payload []byte, d *transport.Delivery) bool {
	binary.LittleEndian.PutUint64(frame[8:], l.sequence)
	l.until = momentAfter(l.deadline)
	first, byRing := frame, l.socket.ring != nil
	if byRing {
		first = frame[:min(1, len(control))] // the frame goes through the ring; one byte goes with a descriptor
	}
	n, err := 0, error(nil)
	for len(first) > 0 {
		if n, err = unix.SendmsgN(l.socket.fd, first, control, nil, 0); err != unix.EINTR {
			break
		}
	}
	if n <= 0 && (err == unix.ETOOMANYREFS || err == unix.ENOBUFS || err == unix.ENOMEM) {
		// Too many descriptors are in flight (unix(7)), or memory is short. No byte was sent. The frame that is
		// sent instead has this one's sequence number.
		l.sequence--
		l.deliver(0, payload, d.Timeline.Start, d)
		l.resent = true
		return false
	}
	if n < len(first) {
		if err = CheckSent(n, err, l.until); err == nil {
			err = writeFull(l.socket.fd, first[n:], l.until)
		}
	}
	if err == nil && byRing {
		err = l.writer.Write(l.socket.fd, frame, nil, l.until)
	}
	if err != nil {
		l.abort(d, fmt.Errorf("send the payload's reference: %w%s", err, l.targetError()))
	}
	return err == nil
}

// collect reads an acknowledgement. Targets are asked in turn and each may take until the
// same moment, so once that has passed only what is there already counts.
func (l *link) collect() error {
	if l.until != 0 && measure.Now() > l.until {
		if l.socket.pending(l.in[:answerSize]) != nil {
			return errTimeout
		}
		return nil
	}
	return l.socket.readAnswer(l.in[:answerSize], l.until)
}
