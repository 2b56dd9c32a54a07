package stream

import (
	"encoding/binary"
	"fmt"

	"rrbench/transport"
)

const (
	answerMagic = 0x33415252 // "RRA3"
	// envelopeSize is the length of what precedes a delivery in an answer.
	envelopeSize = 24
	// answerSize is the length of an answer without the delivery's text.
	answerSize = envelopeSize + transport.DeliverySize
)

// status says how a hand-off ended at the target.
type status uint8

const (
	statusConsumed status = iota
	// statusRefused: the target had no place for the payload, and threw it away.
	statusRefused
	// statusFailed: the payload arrived, but its handler failed.
	statusFailed
	// statusMalformed: what arrived is no frame; the target closes the connection.
	statusMalformed
	// statusSendBytes: the target could not follow a reference, and waits for a frame with
	// the payload itself.
	statusSendBytes
	statusEnd
)

// envelope is the part of a target's answer that precedes the delivery.
type envelope struct {
	status status
	// held: the target still uses the memory that the frame referred to.
	held     bool
	sequence uint64
	// released is the ID of a reference held before that no longer is, or zero.
	released uint64
}

func (e *envelope) appendTo(to []byte) []byte {
	held := byte(0)
	if e.held {
		held = 1
	}
	to = binary.LittleEndian.AppendUint32(to, answerMagic)
	to = append(to, byte(e.status), held, 0, 0)
	to = binary.LittleEndian.AppendUint64(to, e.sequence)
	return binary.LittleEndian.AppendUint64(to, e.released)
}

// parseAnswer reads the envelope of an answer and the length of the text behind it.
func parseAnswer(wire []byte) (e envelope, textSize int, err error) {
	if magic := binary.LittleEndian.Uint32(wire); magic != answerMagic {
		return e, 0, fmt.Errorf("answer starts with %#08x, not with %#08x", magic, answerMagic)
	}
	e = envelope{
		status:   status(wire[4]),
		held:     wire[5] == 1,
		sequence: binary.LittleEndian.Uint64(wire[8:]),
		released: binary.LittleEndian.Uint64(wire[16:]),
	}
	if e.status >= statusEnd || wire[5] > 1 || wire[6]|wire[7] != 0 {
		return envelope{}, 0, fmt.Errorf("answer has unknown status %d or flags %#x", e.status, wire[5:8])
	}
	textSize, err = transport.DeliveryTextSize(wire[envelopeSize:answerSize])
	return e, textSize, err
}
