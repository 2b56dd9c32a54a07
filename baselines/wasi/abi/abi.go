// Package abi is what a host and a guest of http/wasi agree on. The guest exchanges HTTP
// over WASI's sockets by itself; the host tells it whom to be and when to send, and never
// touches a payload.
//
// A guest is a WASI reactor that exports its memory and these functions. Numbers are i32
// but where said otherwise; a status is 0 for success, and after another one failure says
// why.
//
//	begin(codec, kind, size i64, deadline i64) -> status
//	        comes first: what payloads will be like, their size in bytes, and how long an
//	        exchange may take, in nanoseconds
//
// A target, which serves one source at a time:
//
//	listen(address, port) -> port   listens on an IPv4 address; 0 is failure
//	token() -> pointer              the 32 bytes of its own choice that sources have to know
//	serve()                         answers requests and does not return
//
// A source:
//
//	target(address, port) -> pointer  adds a target; the host writes its token there
//	open() -> status                  connects to all targets
//	prepare(kind, seed i64, size i64) -> status
//	                                  makes the object to be sent
//	digest() -> i64                   the digest of the object
//	send() -> status                  sends it to all targets and awaits their replies
//	deliveries() -> pointer           what became of it: DeliverySize bytes a target
//
// Both:
//
//	failure() -> i64                  pointer << 32 | length of a text
//
// Memory whose pointer the guest has returned is its own and holds until it is called
// again. From the module rrbench it may import
//
//	take_usage(pointer)  what the host's process used since it was last asked by whichever
//	                     guest, as 4 i64: user and kernel time in nanoseconds, minor
//	                     faults, context switches
//
// HTTP is as package baselines/http speaks it, moments are those of the monotonic clock.
package abi

import (
	"encoding/binary"
	"fmt"
	"slices"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// The functions that a guest exports.
const (
	Begin      = "begin"
	Listen     = "listen"
	Token      = "token"
	Serve      = "serve"
	Target     = "target"
	Open       = "open"
	Prepare    = "prepare"
	Digest     = "digest"
	Send       = "send"
	Deliveries = "deliveries"
	Failure    = "failure"
)

// HostModule is the module that take_usage is imported from.
const (
	HostModule = "rrbench"
	TakeUsage  = "take_usage"
)

// TokenSize is the length of a target's token in bytes.
const TokenSize = 32

// Codecs and Kinds have at each number what the guest calls by it. New ones come last.
var (
	Codecs = []transport.Codec{transport.Raw, transport.JSON, transport.JSONStd}
	Kinds  = []payloads.Kind{payloads.Text, payloads.Records, payloads.Bytes}
)

// DeliverySize is the length in bytes of a delivery in memory: little-endian 64-bit
// numbers, which are the moments of the Timeline in order, length and digest, the four of
// the usage, and of an error's text the pointer (lower half) and length (upper half, 0 for
// none).
const DeliverySize = 15 * 8

// Text is where a text lies in a guest's memory.
type Text struct{ Pointer, Length uint32 }

// PutDelivery writes a delivery whose error has been put at text, into DeliverySize bytes.
func PutDelivery(to []byte, d *transport.Delivery, text Text) {
	t, u := &d.Timeline, &d.Usage
	for i, field := range [...]int64{
		t.Start, t.Serialized, t.CopiedOut, t.Received, t.CopiedIn, t.Delivered, t.Consumed, t.Acknowledged,
		int64(d.Length), int64(d.Digest),
		u.UserNs, u.KernelNs, u.MinorFaults, u.ContextSwitches,
		int64(text.Length)<<32 | int64(text.Pointer),
	} {
		binary.LittleEndian.PutUint64(to[8*i:], uint64(field))
	}
}

// ParseDelivery is the reverse, for a guest's DeliverySize bytes. Err is left alone: where
// its text lies is returned. Moments of a success that are not in order are an error.
func ParseDelivery(from []byte, d *transport.Delivery) (Text, error) {
	var fields [DeliverySize / 8]int64
	for i := range fields {
		fields[i] = int64(binary.LittleEndian.Uint64(from[8*i:]))
	}
	d.Timeline = transport.Timeline{
		Start: fields[0], Serialized: fields[1], CopiedOut: fields[2], Received: fields[3],
		CopiedIn: fields[4], Delivered: fields[5], Consumed: fields[6], Acknowledged: fields[7],
	}
	d.Length, d.Digest = uint64(fields[8]), uint64(fields[9])
	d.Usage = measure.Usage{UserNs: fields[10], KernelNs: fields[11], MinorFaults: fields[12], ContextSwitches: fields[13]}
	text := Text{Pointer: uint32(fields[14]), Length: uint32(fields[14] >> 32)}
	if text.Length == 0 && !slices.IsSorted(fields[:8]) {
		return text, fmt.Errorf("the moments of a delivery are out of order: %+v", d.Timeline)
	}
	return text, nil
}
