package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// discardSize is the size of the buffer through which an unwanted payload is thrown away.
const discardSize = 256 << 10

// serve answers the frames of one connection until it ends, or the context does. The turn is that to use
// the receiver.
func serve(ctx context.Context, s *socket, service Service, turn *sync.Mutex) {
	_ = measure.TakeUsage() // what happened before the first payload belongs to no hand-off
	turn.Lock()
	if shared, ok := service.Receiver.(Sharing); ok {
		service.Receiver = shared.ForSource()
	}
	turn.Unlock()
	c := &connection{closing: ctx, socket: s, service: service, turn: turn}
	c.withdrawn = func() bool { return s.alive() != nil }
	c.preparer, _ = service.Receiver.(Preparer)
	if c.resolver, _ = service.Receiver.(Resolver); c.resolver != nil {
		defer func() {
			turn.Lock()
			defer turn.Unlock()
			c.resolver.Disconnected()
		}()
	}
	if c.resolver != nil || service.Ring != 0 {
		c.inbox = new(inbox)
	}
	for c.answerOne() == nil {
	}
}

// connection is a source's, at its target.
type connection struct {
	closing  context.Context
	socket   *socket
	service  Service
	turn     *sync.Mutex
	header   [headerSize]byte
	envelope envelope
	delivery transport.Delivery
	out      [envelopeSize + transport.DeliveryLimit]byte
	scratch  []byte
	// resolver is the receiver if that takes references, and preparer if it is to be prepared for
	// them. The rest is for these.
	resolver  Resolver
	preparer  Preparer
	inbox     *inbox
	locator   []byte
	withdrawn func() bool
}

// takes says that a frame is one that this target can do something with.
func (c *connection) takes(head header, descriptor int) bool {
	switch {
	case head.flags&byReference != 0 && c.resolver == nil, head.flags&preparation != 0 && c.preparer == nil:
		return false
	case head.flags&ring != 0 && (c.service.Ring == 0 || c.socket.ring != nil), head.flags&beside != 0 && c.socket.ring == nil:
		return false
	}
	return descriptor < 0 || head.flags&withDescriptor != 0
}

// answerOne takes one payload. An error means that the connection cannot go on.
func (c *connection) answerOne() error {
	descriptor, err := c.socket.await(c.header[:], c.inbox, c.service.Deadline)
	if err != nil {
		return err
	}
	defer func() {
		if descriptor >= 0 {
			_ = unix.Close(descriptor)
		}
	}()
	c.envelope, c.delivery = envelope{}, transport.Delivery{}
	head, err := parseHeader(&c.header)
	if err == nil && c.socket.ring != nil && head.flags&withDescriptor != 0 && head.flags&ring == 0 {
		if descriptor, err = c.socket.takeBeside(c.inbox); err != nil {
			return err
		}
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	if err := c.closing.Err(); err != nil {
		return err
	}
	if err == nil && !c.takes(head, descriptor) {
		err = fmt.Errorf("frame with flags %#x: this target takes no references, no preparation or no ring, or the frame should not have a descriptor", uint32(head.flags))
	}
	if err != nil {
		_ = c.answer(statusMalformed, err)
		return err
	}
	c.envelope.sequence = head.sequence
	until := momentAfter(c.service.Deadline)
	if c.socket.beside = head.flags&beside != 0; c.socket.beside {
		defer func() { c.socket.beside = false }()
	}
	switch {
	case head.flags&ring != 0:
		return c.openRing(descriptor)
	case head.flags&preparation != 0:
		return c.prepare(int(head.length), until)
	case head.flags&byReference != 0:
		return c.answerReference(head, descriptor, until)
	}

	if head.length > c.service.Limit {
		return c.refuse(head.length, until, fmt.Errorf("payload of %d bytes is longer than the %d bytes agreed on", head.length, c.service.Limit))
	}
	place, err := c.service.Receiver.Place(head.length)
	if err != nil {
		return c.refuse(head.length, until, err)
	}
	if err := c.socket.readPayload(place, until); err != nil {
		_ = c.service.Receiver.Release()
		// A source that is only slow still hears why.
		_ = c.answer(statusMalformed, fmt.Errorf("receive the payload: %w", err))
		return err
	}
	line := &c.delivery.Timeline
	line.Received = measure.Now()
	line.CopiedIn = line.Received
	return c.finish(head.length, false)
}

// finish has the handler read the payload that is in place, and answers.
func (c *connection) finish(length uint64, referred bool) error {
	line := &c.delivery.Timeline
	line.Delivered, c.delivery.Length = line.CopiedIn, length
	err := c.service.Receiver.Consume(&c.delivery)
	if line.Consumed == 0 {
		line.Consumed = measure.Now()
	}
	if released := c.service.Receiver.Release(); err == nil {
		err = released
	}
	if c.resolver != nil {
		held, released := c.resolver.Holds()
		c.envelope.held, c.envelope.released = held && referred, released
	}
	if err != nil {
		return c.answer(statusFailed, err)
	}
	return c.answer(statusConsumed, nil)
}

// answerReference takes one payload that a reference leads to.
func (c *connection) answerReference(head header, descriptor int, until int64) error {
	err := c.readLocator(head.locator, until)
	if err != nil {
		return err
	}
	c.delivery.Timeline.Received = measure.Now()
	switch {
	case head.length > c.service.Limit:
		err = fmt.Errorf("payload of %d bytes is longer than the %d bytes agreed on", head.length, c.service.Limit)
	case head.flags&withDescriptor != 0 && descriptor < 0:
		// The kernel drops what does not fit into the table, MSG_CTRUNC in recvmsg(2).
		err = fmt.Errorf("the payload's descriptor did not arrive: raise ulimit -n: %w", ErrSendBytes)
	default:
		err = c.resolver.Resolve(head.length, Reference{
			ID: head.id, Descriptor: descriptor, Locator: c.locator, Process: c.socket.process, Withdrawn: c.withdrawn,
		})
	}
	switch {
	case errors.Is(err, ErrSendBytes):
		return c.answer(statusSendBytes, err)
	case err != nil:
		return c.answer(statusRefused, err)
	}
	c.delivery.Timeline.CopiedIn = measure.Now()
	return c.finish(head.length, true)
}

// prepare has the target do what takes time before the first payload.
func (c *connection) prepare(size int, until int64) error {
	if err := c.readLocator(size, until); err != nil {
		return err
	}
	if err := c.preparer.Prepare(c.closing, c.locator); err != nil {
		return c.answer(statusRefused, err)
	}
	return c.answer(statusConsumed, nil)
}

func (c *connection) readLocator(size int, until int64) error {
	if cap(c.locator) < size {
		c.locator = make([]byte, size)
	}
	c.locator = c.locator[:size]
	return c.socket.readFull(c.locator, until)
}

// refuse throws a payload away, so that the connection stays in step, and says why.
func (c *connection) refuse(length uint64, until int64, cause error) error {
	if c.scratch == nil {
		c.scratch = make([]byte, discardSize)
	}
	for length > 0 {
		part := c.scratch[:min(length, discardSize)]
		if err := c.socket.readFull(part, until); err != nil {
			return err
		}
		length -= uint64(len(part))
	}
	return c.answer(statusRefused, cause)
}

// answer sends the delivery; cause is why it failed.
func (c *connection) answer(status status, cause error) error {
	c.envelope.status = status
	c.delivery.Usage = measure.TakeUsage()
	c.delivery.Err = cause
	return c.socket.writeFull(c.delivery.AppendTo(c.envelope.appendTo(c.out[:0])), c.service.Deadline)
}
