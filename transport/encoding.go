package transport

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"rrbench/foreign"
	"rrbench/measure"
)

// A Delivery has one wire form, on data connections, in the body of an HTTP reply, in the
// memory of a guest and between a shim and its driver. All numbers are little-endian:
//
//	magic u32 "RRD1", length of the text u32
//	start, serialized, copied out, received, copied in, delivered, consumed, acknowledged i64
//	length u64, digest u64
//	user i64, kernel i64, minor faults i64, context switches i64
//	text: why it failed; none after a success
//
// Guests in C mirror the part of fixed length: baselines/wasi/guests/c/delivery.h.
const (
	deliveryMagic = 0x31445252
	// DeliverySize is the length in bytes of a delivery without its text.
	DeliverySize = 8 + 14*8
	// TextLimit is the longest text, in bytes.
	TextLimit = 1024
	// DeliveryLimit is the longest delivery, in bytes.
	DeliveryLimit = DeliverySize + TextLimit
)

var errNoDelivery = errors.New("it is no delivery of this protocol")

// fields are the numbers in the order of the wire.
func (d *Delivery) fields() [14]*int64 {
	t, u := &d.Timeline, &d.Usage
	return [...]*int64{
		&t.Start, &t.Serialized, &t.CopiedOut, &t.Received, &t.CopiedIn, &t.Delivered, &t.Consumed, &t.Acknowledged,
		nil, nil, &u.UserNs, &u.KernelNs, &u.MinorFaults, &u.ContextSwitches,
	}
}

// AppendTo appends the wire form and returns the longer slice. It allocates nothing but for
// the text of an error, which becomes one line and is cut where it is too long.
func (d *Delivery) AppendTo(to []byte) []byte {
	text := ""
	if d.Err != nil {
		text = reason(d.Err.Error())
	}
	to = binary.LittleEndian.AppendUint32(to, deliveryMagic)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(text)))
	for i, field := range d.fields() {
		switch i {
		case 8:
			to = binary.LittleEndian.AppendUint64(to, d.Length)
		case 9:
			to = binary.LittleEndian.AppendUint64(to, d.Digest)
		default:
			to = binary.LittleEndian.AppendUint64(to, uint64(*field))
		}
	}
	return append(to, text...)
}

// DeliveryTextSize returns how many bytes of text follow the first DeliverySize bytes of a
// delivery, for reading from a stream.
func DeliveryTextSize(wire []byte) (int, error) {
	if len(wire) < DeliverySize || binary.LittleEndian.Uint32(wire) != deliveryMagic {
		return 0, errNoDelivery
	}
	n := binary.LittleEndian.Uint32(wire[4:])
	if n > TextLimit {
		return 0, fmt.Errorf("a delivery announces %d bytes of text, possible are %d", n, TextLimit)
	}
	return int(n), nil
}

// ParseDelivery reads the delivery at the front of wire into d and returns its length. It
// refuses what is cut short. It allocates nothing but for the error that the text becomes.
func ParseDelivery(wire []byte, d *Delivery) (size int, err error) {
	n, err := DeliveryTextSize(wire)
	if err != nil {
		return 0, err
	}
	if size = DeliverySize + n; len(wire) < size {
		return 0, fmt.Errorf("a delivery of %d bytes is cut short after %d", size, len(wire))
	}
	for i, field := range d.fields() {
		value := binary.LittleEndian.Uint64(wire[8+8*i:])
		switch i {
		case 8:
			d.Length = value
		case 9:
			d.Digest = value
		default:
			*field = int64(value)
		}
	}
	if d.Err != nil {
		d.Err = nil
	}
	if n > 0 {
		d.Err = errors.New(reason(string(wire[DeliverySize:size])))
	}
	return size, nil
}

// Answer takes what a target has answered, a whole delivery, into the source's: the moments
// of the source stay. It trusts nothing. It returns an error for a malformed answer; the error that the
// target reports is in d.Err.
func (d *Delivery) Answer(wire []byte) error {
	var answer Delivery
	size, err := ParseDelivery(wire, &answer)
	switch {
	case err != nil:
		return err
	case size != len(wire):
		return fmt.Errorf("a delivery of %d bytes is followed by %d others", size, len(wire)-size)
	}
	t, a := &d.Timeline, &answer.Timeline
	t.Received, t.CopiedIn, t.Delivered, t.Consumed = a.Received, a.CopiedIn, a.Delivered, a.Consumed
	d.Length, d.Digest, d.Usage = answer.Length, answer.Digest, answer.Usage
	if answer.Err != nil || d.Err != nil {
		d.Err = answer.Err
	}
	if d.Err == nil && (t.Received > t.CopiedIn || t.CopiedIn > t.Delivered || t.Delivered > t.Consumed) {
		return fmt.Errorf("the moments of a delivery are out of order: %+v", *t)
	}
	return nil
}

// reason is the text of a delivery that has failed, which is never empty.
func reason(text string) string {
	return cmp.Or(foreign.Line(text, TextLimit), "failed without a reason")
}

// AppendUsage is the part of a delivery that a guest asks its host for: 4 i64.
func AppendUsage(to []byte, u measure.Usage) []byte {
	for _, field := range [...]int64{u.UserNs, u.KernelNs, u.MinorFaults, u.ContextSwitches} {
		to = binary.LittleEndian.AppendUint64(to, uint64(field))
	}
	return to
}
