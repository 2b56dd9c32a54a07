package stream

import (
	"fmt"

	"rrbench/measure"
)

// meter is the process' one meter: pieces of usage that several targets of a process take
// add up to what the process used.
var meter = measure.NewMeter()

// discardSize is the size of the buffer through which an unwanted payload is thrown away.
const discardSize = 256 << 10

// serve answers the frames of one connection until it ends.
func serve(s *socket, service Service) {
	_ = meter.Take() // what happened before the first payload is nobody's hand-off
	c := &conversation{socket: s, service: service}
	for c.answerOne() == nil {
	}
}

type conversation struct {
	socket  *socket
	service Service
	header  [headerSize]byte
	answer  acknowledgement
	out     [acknowledgementSize]byte
	scratch []byte
}

// answerOne takes one payload. An error means that the connection cannot go on.
func (c *conversation) answerOne() error {
	if err := c.socket.awaitFull(c.header[:], c.service.Deadline); err != nil {
		return err
	}
	c.answer = acknowledgement{}
	head, err := parseHeader(&c.header)
	if err != nil {
		_ = c.acknowledge(statusRubbish, err)
		return err
	}
	c.answer.sequence = head.sequence
	until := momentAfter(c.service.Deadline)

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
		_ = c.acknowledge(statusRubbish, fmt.Errorf("receive the payload: %w", err))
		return err
	}
	now := measure.Now()
	c.answer.received, c.answer.copiedIn, c.answer.delivered = now, now, now
	digest, err := c.service.Receiver.Consume()
	c.answer.consumed = measure.Now()
	if released := c.service.Receiver.Release(); err == nil {
		err = released
	}
	if err != nil {
		return c.acknowledge(statusFailed, err)
	}
	c.answer.length, c.answer.digest = head.length, digest
	return c.acknowledge(statusConsumed, nil)
}

// refuse throws a payload away, so that the connection stays in step, and says why.
func (c *conversation) refuse(length uint64, until int64, cause error) error {
	if c.scratch == nil {
		c.scratch = make([]byte, discardSize)
	}
	if err := c.socket.discard(length, c.scratch, until); err != nil {
		return err
	}
	return c.acknowledge(statusRefused, cause)
}

func (c *conversation) acknowledge(status status, cause error) error {
	c.answer.status = status
	c.answer.usage = meter.Take()
	if cause == nil {
		c.answer.encode(&c.out)
		return c.socket.writeFull(c.out[:])
	}
	text := failureText(cause)
	c.answer.textLength = len(text)
	c.answer.encode(&c.out)
	return c.socket.writeFull(append(c.out[:], text...))
}
