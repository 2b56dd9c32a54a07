// Package abi is what a host and a guest of http/wasi agree on. The guest exchanges HTTP
// over WASI's sockets by itself; the host makes it a source or a target, starts each hand-off, and never
// touches a payload.
//
// A guest is a WASI reactor that exports its memory and these functions. Numbers are i32
// but where another type is given; a status is 0 for success, and after another one failure returns
// why.
//
//	begin(codec, kind, size i64, deadline i64, serial, writes) -> status
//	        comes first: what payloads will be like, their size in bytes, how long an exchange
//	        may take, in nanoseconds, whether a source sends to one target after the other,
//	        and whether a target's handler changes every page of what it has read
//
// A target, which serves one source at a time:
//
//	listen(address, port) -> port   listens on an IPv4 address; 0 is failure
//	token() -> pointer              the endpoint's nonce, of its own choice
//	serve()                         answers requests and does not return
//
// A source:
//
//	target(address, port) -> pointer  adds a target; the host writes its nonce there
//	open() -> status                  connects to all targets
//	prepare(kind, seed i64, size i64) -> status
//	                                  makes the object to be sent
//	rehearse(kind, seed i64, size i64) -> status
//	                                  makes an object and handles it as a target does,
//	                                  without sending it
//	send() -> status                  sends it to all targets, at once or in turn, and awaits
//	                                  their replies
//	deliveries() -> pointer           what became of it: for each target a delivery as
//	                                  package transport encodes it, transport.DeliveryLimit
//	                                  bytes from one to the next
//
// Both:
//
//	failure() -> i64                  pointer << 32 | length of a text
//
// Memory whose pointer the guest has returned is its own and holds until it is called
// again. From the module rrbench it may import
//
//	copied_in() -> i64   how many nanoseconds the system took to copy into the guest's memory
//	                     what came over its sockets, since the last call; a target
//	                     calls it before it reads a payload and when that is complete: the
//	                     moment Received is so much before CopiedIn
//	take_usage(pointer)  what the host's process used since the last call of any
//	                     guest, as 4 i64: user and kernel time in nanoseconds, minor
//	                     faults, context switches
//
// HTTP is as package baselines/http speaks it, moments are those of the monotonic clock.
package abi

import (
	"fmt"
	"slices"

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
	Rehearse   = "rehearse"
	Send       = "send"
	Deliveries = "deliveries"
	Failure    = "failure"
)

// HostModule is the module that these are imported from.
const (
	HostModule = "rrbench"
	CopiedIn   = "copied_in"
	TakeUsage  = "take_usage"
)

// Codecs and Kinds are numbered for guests by their place here. New ones come last.
var (
	Codecs = []transport.Codec{transport.Raw, transport.JSON, transport.JSONStd}
	Kinds  = []payloads.Kind{payloads.Text, payloads.Records, payloads.Bytes}
)

// Kind is the number of a kind of payload.
func Kind(kind payloads.Kind) (uint64, error) {
	number := slices.Index(Kinds, kind)
	if number < 0 {
		return 0, fmt.Errorf("payload %q is unknown to guests: use %v", kind, Kinds)
	}
	return uint64(number), nil
}

// Bool is a condition as a parameter.
func Bool(condition bool) uint64 {
	if condition {
		return 1
	}
	return 0
}
