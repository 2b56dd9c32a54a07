package control

import (
	"encoding/binary"
	"errors"
	"fmt"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Requests begin with one of these.
const (
	opPrepare byte = 1 + iota
	opSend
	opMemory
)

func appendPrepare(to []byte, spec payloads.Spec) []byte {
	to = append(to, opPrepare)
	to = binary.LittleEndian.AppendUint64(to, spec.Seed)
	to = appendInts(to, spec.Size)
	return appendText(to, string(spec.Kind))
}

func (d *decoder) spec() payloads.Spec {
	return payloads.Spec{Seed: d.uint64(), Size: d.int64(), Kind: payloads.Kind(d.text())}
}

// appendHandoff encodes the answer to a request to send.
func appendHandoff(to []byte, h *transport.Handoff, usage measure.Usage, err error) []byte {
	to = appendInts(to, h.Start)
	to = appendUsage(to, usage)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(h.Deliveries)))
	for i := range h.Deliveries {
		delivery := &h.Deliveries[i]
		t := &delivery.Timeline
		to = appendInts(to, t.Start, t.Serialized, t.CopiedOut, t.Received, t.CopiedIn, t.Delivered, t.Consumed, t.Acknowledged)
		to = binary.LittleEndian.AppendUint64(to, delivery.Length)
		to = binary.LittleEndian.AppendUint64(to, delivery.Digest)
		to = appendUsage(to, delivery.Usage)
		to = appendError(to, delivery.Err)
	}
	return appendError(to, err)
}

// decodeHandoff is the reverse. The hand-off must have room for the deliveries told.
func decodeHandoff(body []byte, h *transport.Handoff) (usage measure.Usage, err error) {
	d := decoder{rest: body}
	h.Start = d.int64()
	usage = d.usage()
	if n := d.uint32(); d.err == nil && int(n) != len(h.Deliveries) {
		return usage, fmt.Errorf("answer with %d deliveries for %d targets", n, len(h.Deliveries))
	}
	for i := range h.Deliveries {
		delivery := &h.Deliveries[i]
		t := &delivery.Timeline
		for _, moment := range []*int64{&t.Start, &t.Serialized, &t.CopiedOut, &t.Received, &t.CopiedIn, &t.Delivered, &t.Consumed, &t.Acknowledged} {
			*moment = d.int64()
		}
		delivery.Length, delivery.Digest = d.uint64(), d.uint64()
		delivery.Usage = d.usage()
		delivery.Err = d.error()
	}
	return usage, d.finish()
}

func appendInts(to []byte, values ...int64) []byte {
	for _, v := range values {
		to = binary.LittleEndian.AppendUint64(to, uint64(v))
	}
	return to
}

func appendUsage(to []byte, u measure.Usage) []byte {
	return appendInts(to, u.UserNs, u.KernelNs, u.MinorFaults, u.ContextSwitches)
}

func appendText(to []byte, text string) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(text)))
	return append(to, text...)
}

// longestError bounds the text of an error, so that an answer stays below longest.
const longestError = 2 << 10

// appendError encodes nil as an empty text.
func appendError(to []byte, err error) []byte {
	if err == nil {
		return appendText(to, "")
	}
	text := err.Error()
	if text == "" {
		text = "failed without a reason"
	}
	return appendText(to, text[:min(len(text), longestError)])
}

// FunctionError is what went wrong in the function. The conversation goes on after it; any
// other error ends it.
type FunctionError struct{ Text string }

func (e *FunctionError) Error() string { return e.Text }

var errTruncated = errors.New("control message is cut short")

// decoder reads a message from its front. After the first error it returns zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) take(n uint64) []byte {
	if d.err == nil && n > uint64(len(d.rest)) {
		d.err = errTruncated
	}
	if d.err != nil {
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) int64() int64 { return int64(d.uint64()) }

func (d *decoder) text() string { return string(d.take(uint64(d.uint32()))) }

func (d *decoder) error() error {
	if text := d.text(); text != "" {
		return &FunctionError{text}
	}
	return nil
}

func (d *decoder) usage() measure.Usage {
	return measure.Usage{UserNs: d.int64(), KernelNs: d.int64(), MinorFaults: d.int64(), ContextSwitches: d.int64()}
}

// end returns an error when the message was cut short or goes on.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("control message has %d bytes too many", len(d.rest))
	}
	return d.err
}

// finish reads the error that ends an answer: the function's, or that of the message.
func (d *decoder) finish() error {
	failure := d.error()
	if err := d.end(); err != nil {
		return err
	}
	return failure
}
