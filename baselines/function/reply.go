package function

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"rrbench/measure"
)

// Reply is what B answers A. On the wire it is little-endian:
//
//	magic u32, length of the failure's text u32
//	received i64, delivered i64, consumed i64             (ns of B's clock)
//	length u64, digest u64                                (what the handler saw)
//	user i64, kernel i64 (ns), minor faults i64, context switches i64
//	text of the failure
type Reply struct {
	// Received, Delivered and Consumed are those of transport.Timeline.
	Received, Delivered, Consumed int64
	Length, Digest                uint64
	Usage                         measure.Usage
	// Failure says why the object was not taken; it is empty when it was.
	Failure string
}

const (
	// ReplySize is the length of a reply without failure, in bytes.
	ReplySize = 80
	// failureLimit is the longest text of a failure, in bytes.
	failureLimit = 1024
	// ReplyLimit is the longest reply, in bytes.
	ReplyLimit = ReplySize + failureLimit

	replyMagic = 0x31425252 // "RRB1"
)

// AppendTo appends the wire form and returns the longer slice. A failure's text becomes
// one line and is cut where it is too long.
func (r *Reply) AppendTo(to []byte) []byte {
	failure := strings.ToValidUTF8(r.Failure, "?")
	failure = strings.Join(strings.Fields(failure), " ")
	if len(failure) > failureLimit {
		failure = strings.ToValidUTF8(failure[:failureLimit], "")
	}
	if failure == "" && r.Failure != "" {
		failure = "failed without a reason"
	}
	to = binary.LittleEndian.AppendUint32(to, replyMagic)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(failure)))
	for _, field := range r.fields() {
		to = binary.LittleEndian.AppendUint64(to, field)
	}
	return append(to, failure...)
}

// fields are the numbers in the order of the wire.
func (r *Reply) fields() [9]uint64 {
	return [...]uint64{
		uint64(r.Received), uint64(r.Delivered), uint64(r.Consumed),
		r.Length, r.Digest,
		uint64(r.Usage.UserNs), uint64(r.Usage.KernelNs), uint64(r.Usage.MinorFaults), uint64(r.Usage.ContextSwitches),
	}
}

var errNoReply = errors.New("it is no function's reply")

// ReplyTextSize returns how many bytes of text follow the first ReplySize bytes of a reply,
// for those who read from a stream.
func ReplyTextSize(wire []byte) (int, error) {
	if len(wire) < ReplySize || binary.LittleEndian.Uint32(wire) != replyMagic {
		return 0, errNoReply
	}
	n := binary.LittleEndian.Uint32(wire[4:])
	if n > failureLimit {
		return 0, fmt.Errorf("its reply announces %d bytes of text, more than %d", n, failureLimit)
	}
	return int(n), nil
}

// ParseReply reads the wire form. It refuses what is cut short or goes on, and moments of
// a success that are not in order.
func ParseReply(wire []byte) (Reply, error) {
	n, err := ReplyTextSize(wire)
	if err != nil {
		return Reply{}, err
	}
	text := wire[ReplySize:]
	if n != len(text) {
		return Reply{}, fmt.Errorf("its reply announces %d bytes of text and has %d", n, len(text))
	}
	var fields [9]uint64
	for i := range fields {
		fields[i] = binary.LittleEndian.Uint64(wire[8+8*i:])
	}
	r := Reply{
		Received: int64(fields[0]), Delivered: int64(fields[1]), Consumed: int64(fields[2]),
		Length: fields[3], Digest: fields[4],
		Usage: measure.Usage{
			UserNs: int64(fields[5]), KernelNs: int64(fields[6]),
			MinorFaults: int64(fields[7]), ContextSwitches: int64(fields[8]),
		},
		Failure: string(text),
	}
	if r.Failure == "" && (r.Received > r.Delivered || r.Delivered > r.Consumed) {
		return Reply{}, fmt.Errorf("its reply's moments %d, %d, %d are out of order", r.Received, r.Delivered, r.Consumed)
	}
	return r, nil
}
