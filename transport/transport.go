// Package transport is the contract that Roadrunner's modes and the baselines fulfil.
//
// A transport has two halves, because the source function A and the target function B may
// live in one shim, in two, or on two hosts. The target half makes a function reachable
// and returns an Endpoint, which the driver carries to the source half, which opens a
// Route to one or many endpoints. Opening lies outside the measurement; a route then hands
// over one payload at a time and returns one Delivery a target. User mode is the case in
// which both halves meet in one process. Transports differ in nothing else, so a sweep
// knows none of them by name.
package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
)

// Transport is one way to move a payload from a function to others.
type Transport interface {
	Info() Info
	// Check returns nil when the transport can run on this machine, else an *Unavailable.
	Check() error
	// Serve makes a fresh target function reachable, in this process. The context bounds
	// the set-up, not the target's life.
	Serve(ctx context.Context, setup Setup) (Target, error)
	// Open makes a fresh source function and a route from it to the endpoints, in this
	// process. The context bounds the set-up, not the route's life.
	Open(ctx context.Context, setup Setup, targets []Endpoint) (Route, error)
}

// Target is a function that can be reached.
type Target interface {
	Endpoint() Endpoint
	// Close ends the function and everything that made it reachable. A hand-off under way
	// fails at its source.
	Close() error
}

// Route carries payloads from one source function to its targets. It is used by one
// goroutine at a time.
type Route interface {
	// Prepare has the source function make a payload in its own memory, as Setup.Origin says:
	// the object that it sends. That is the function's work and no part of a hand-off. The
	// targets' digest must be spec.Digest(). One Send follows.
	Prepare(spec payloads.Spec) error
	// Send hands the prepared payload over to every target, in the order of Setup, and
	// returns when each has consumed it or failed. It fills handoff.Start and
	// handoff.Deliveries, one a target in the order of Open's endpoints; it allocates
	// nothing itself. The error is one that concerns all targets, and the deliveries say
	// nothing beside it; a failure of one target is in its delivery.
	Send(handoff *Handoff) error
	// Rehearse has the source function make a payload and consume it by itself, as a target would,
	// without any transfer: what it takes is the functions' own part of a hand-off. What was
	// prepared is gone.
	Rehearse(spec payloads.Spec) error
	Close() error
}

// Recycler is a Route on which something is left to be done after Send, before the source's function
// may write its next payload: pages come back, buffers are made. Nothing of that kind is left to
// Prepare, which does it only where Recycle was not called.
type Recycler interface {
	// Recycle makes room for a payload of size bytes. It ends the cycle of the hand-off before.
	Recycle(size int64) error
}

// Served is a Route for which a server works, a process other than its shim. The server's memory peaks are
// added to the shim's: once, however many routes have an equal Server.
type Served interface {
	Server() Server
}

// Server is a process that works for routes. Its values can be compared.
type Server interface {
	Memory() (measure.Memory, error)
}

// GuestOwner is a Transport with guests of its own, beside those of package workloads.
type GuestOwner interface {
	// GuestNames lists them, the default one first.
	GuestNames() []string
	// GuestModule returns the WebAssembly module of one, which must not be changed.
	GuestModule(name string) ([]byte, error)
}

// Dependent is a Transport that goes through other programs than this one.
type Dependent interface {
	// Versions names them and their versions, given the user's parameter, as far as they
	// are to be had.
	Versions(parameter string) map[string]string
	// Programs are the paths of those that it starts by itself.
	Programs(parameter string) []string
}

// Info describes a transport to the catalogue and the plan.
type Info struct {
	// Name is the transport's name on the command line and in results, "kernel/stream".
	Name string
	// Summary is one line for rrbench list.
	Summary string
	// Family is the group in which tables and figures show it, Place its place among those of
	// the group in legends, from 1.
	Family Family
	Place  int
	// Limits name the transports of the family Limit that do the same physical work without
	// functions. A transport that chooses between mechanisms has that of each, and is held
	// against the fastest.
	Limits  []string
	Hosting Hosting
	Runs    Runs
	// Launcher names what starts the transport's shims by itself: LauncherProcess or LauncherRunc.
	Launcher string
	// Codecs that the transport can use, the default ones first.
	Codecs []Codec
	// Guests names, by codec, the guests of the transport's own that alone it can run, the default
	// one first. For a codec that is not among them any function of docs/guest-abi.md does.
	Guests map[Codec][]string
	// CopiesPerTarget is how many payload-sized buffers a target holds at its peak, an
	// estimate for refusing a cell that cannot fit into memory; so CopiesAtSource.
	CopiesPerTarget, CopiesAtSource int
	// Origins are where payloads can lie, the default one first; nil for functions that have
	// memory of their own alone, as OriginHeap has it.
	Origins []Origin
	// ParallelOnly says that the targets of a fan-out are served at once, never in turn.
	ParallelOnly bool
	// ReadsOnly says that targets never change what they got (ConsumeWrite).
	ReadsOnly bool
	// Routes has, by placement, the transport that stands for this one; nil for most. Such a one
	// starts no functions.
	Routes map[string]string
	// FansIn says that a target takes payloads of several sources, in turns; OneSource names guests that do not.
	FansIn    bool
	OneSource []string
	// Across says that targets may be on another host than their source.
	Across bool
	// Acknowledged says that the targets' clock is unknown: Delivered and Consumed are the
	// moment at which the source knew.
	Acknowledged bool
	// Parameter describes the one value that a user may give to this transport; nil for most.
	Parameter *Parameter
}

// Family is a group of transports that move payloads in one manner.
type Family string

// The families. Each has a color in figures, and a place in legends before or behind the others.
const (
	User    Family = "user"
	Kernel  Family = "kernel"
	Network Family = "network"
	HTTP    Family = "http"
	Redis   Family = "redis"
	// Limit is what the machine reaches without functions.
	Limit Family = "limit"
)

// Hosting says in which processes a transport's functions live.
type Hosting int

const (
	// SeparateProcesses is a shim for each function.
	SeparateProcesses Hosting = iota
	// SharedProcess is one shim for all functions of a cell.
	SharedProcess
)

// Runs says what kind of functions a transport connects.
type Runs int

const (
	// Wasm functions run in each engine asked for.
	Wasm Runs = iota
	// Native functions are compiled Go code; their engine column says "native".
	Native
	// NoFunction is nothing but the machine. The engine column says "native".
	NoFunction
)

// Placements: where the targets of a cell run, beside its source.
const (
	// PlacementShim is in the source's shim.
	PlacementShim = "shim"
	// PlacementIntra is on the source's host, as the transport has it.
	PlacementIntra = "intra"
	// PlacementInter is on another host.
	PlacementInter = "inter"
)

// Launchers of shims.
const (
	LauncherProcess    = "process"
	LauncherRunc       = "runc"
	LauncherContainerd = "containerd"
	// LauncherEngines starts child processes of the second program, for engines that the first lacks.
	LauncherEngines = "engines"
)

// NativeEngine is the engine column of what runs without WebAssembly.
const NativeEngine = "native"

// Codec is how a payload is represented between the functions.
type Codec string

const (
	// None is Roadrunner's: the bytes of the object move as they are.
	None Codec = "none"
	// Raw is a body or value that is the payload's bytes themselves.
	Raw Codec = "raw"
	// JSON is encoding/json/v2.
	JSON Codec = "json"
	// JSONStd is the encoding/json of Go's standard library.
	JSONStd Codec = "json-std"
)

// Serializes says that what travels is made of the object, and not its bytes.
func (c Codec) Serializes() bool { return c == JSON || c == JSONStd }

// CheckPlain refuses a codec for a transport that moves the object as it is. An empty one is None.
func CheckPlain(transport string, codec Codec) error {
	if codec == None || codec == "" {
		return nil
	}
	return fmt.Errorf("%s does not serialize: codec %q is not possible, use %q", transport, codec, None)
}

// Origin is where in the source function's memory a payload lies, and what has put it there.
type Origin string

const (
	// OriginBuffer: the function asked its host for an output buffer and filled it.
	OriginBuffer Origin = "buffer"
	// OriginHeap: the function filled memory of its own.
	OriginHeap Origin = "heap"
	// OriginHost: the host put the payload there, as when a function forwards what it received.
	OriginHost Origin = "host"
)

// Origins are all there are, the default one first.
func Origins() []Origin { return []Origin{OriginBuffer, OriginHeap, OriginHost} }

// Consume is what a target's handler does with a payload.
type Consume string

const (
	// ConsumeRead: it reads every byte.
	ConsumeRead Consume = "read"
	// ConsumeWrite: after that it changes every page in place.
	ConsumeWrite Consume = "write"
)

// Setup describes a cell's functions to both halves of a transport.
type Setup struct {
	// Engine runs the function; it is NativeEngine for what is not WebAssembly.
	Engine string
	// Guest is the name of a built-in guest or the path of a Wasm module.
	Guest   string
	Codec   Codec
	Payload payloads.Kind
	// Size is the largest payload's size in bytes, so that buffers can be made beforehand.
	Size int64
	// Fanout is the number of targets of a route. Serial has them served one after the other, in
	// order, else all are started together.
	Fanout int
	Serial bool
	// Origin and Consume are empty for their defaults, OriginHost and ConsumeRead.
	Origin  Origin
	Consume Consume
	// Deadline bounds one hand-off, and what a guest does to initialise itself. Sockets time
	// out after it.
	Deadline time.Duration
	// Parameter is the value of Info.Parameter, empty for none.
	Parameter string
	// Address is the IP address at which other shims reach this one; empty is loopback's. See also Parameter.Function.
	Address string
}

// Listen is the TCP address for a target to listen on, with a port that the kernel chooses.
func (s *Setup) Listen() string { return net.JoinHostPort(cmp.Or(s.Address, Loopback), "0") }

// Endpoint describes to a source how to reach a target. It is plain data: it travels through the
// driver, possibly to another host.
type Endpoint struct {
	Transport string `json:"transport"`
	// Network and Address are as in package net; transports in a shared process leave Network empty.
	Network string `json:"network,omitempty"`
	Address string `json:"address"`
	// Nonce is the secret by which the two halves recognise one another.
	Nonce []byte `json:"nonce,omitempty"`
	// Facts are a transport's own further parameters.
	Facts map[string]string `json:"facts,omitempty"`
}

// Handoff is one payload on its way to every target of a route. The caller keeps it and
// uses it again.
type Handoff struct {
	// Start is t0: the source function has its object ready and asks for the transfer.
	Start int64
	// Server is what a server between the functions used for it, where there is one.
	Server measure.Usage
	// Deliveries has one element a target.
	Deliveries []Delivery
}

// Resize makes Deliveries n long. It allocates the first time only; what the elements hold is
// of an earlier hand-off.
func (h *Handoff) Resize(n int) {
	if cap(h.Deliveries) < n {
		h.Deliveries = make([]Delivery, n)
	}
	h.Deliveries = h.Deliveries[:n]
}

// Delivery is what became of a payload at one target.
type Delivery struct {
	Timeline Timeline
	// Length and Digest are what the receiving function saw.
	Length uint64
	Digest uint64
	// Usage is what the target's process used for this delivery, where that is not the source's.
	Usage measure.Usage
	// Err is non-nil when this target did not get the payload.
	Err error
}

// Reset forgets an earlier hand-off. It writes no pointer where none stood, which is worth
// a write barrier on the shortest path.
func (d *Delivery) Reset() {
	d.Timeline, d.Length, d.Digest, d.Usage = Timeline{}, 0, 0, measure.Usage{}
	if d.Err != nil {
		d.Err = nil
	}
}

// Timeline holds the moments of a delivery in nanoseconds of measure.Now. The first three
// are read on the source's clock, the next four on the target's, the last on the source's
// again; on one host these are the same clock. A moment that a transport does not have
// equals the one before it.
type Timeline struct {
	// Start is t0.
	Start int64
	// Serialized: the wire representation is complete.
	Serialized int64
	// CopiedOut: the payload is where the host sends from (the function's own memory,
	// where nothing is copied).
	CopiedOut int64
	// Received: the last byte has arrived at the target's host.
	Received int64
	// CopiedIn: the last byte is in the target function's memory.
	CopiedIn int64
	// Delivered: the handler is about to be entered with a usable object.
	Delivered int64
	// Consumed: the handler has read every byte.
	Consumed int64
	// Acknowledged: the source knows.
	Acknowledged int64
}

// Phases are the parts of a latency in nanoseconds; their sum is the latency.
type Phases struct {
	Serialize, CopyOut, Transfer, CopyIn, Deserialize int64
}

// Latency is the time from t0 until the target's handler is entered.
func (t *Timeline) Latency() int64 { return t.Delivered - t.Start }

// ConsumedAfter is the time from t0 until the handler has read every byte.
func (t *Timeline) ConsumedAfter() int64 { return t.Consumed - t.Start }

// AcknowledgedAfter is the time from t0 until the source knows that the target is done.
func (t *Timeline) AcknowledgedAfter() int64 { return t.Acknowledged - t.Start }

// Ordered says that no moment is before an earlier one. It is for moments of one clock.
func (t *Timeline) Ordered() bool {
	return t.Start <= t.Serialized && t.Serialized <= t.CopiedOut && t.CopiedOut <= t.Received && t.Received <= t.CopiedIn &&
		t.CopiedIn <= t.Delivered && t.Delivered <= t.Consumed && t.Consumed <= t.Acknowledged
}

// OrderedApart is Ordered where the target's clock is not the source's: the moments of each are in
// order, and the target took no longer than the source waited.
func (t *Timeline) OrderedApart() bool {
	return t.Start <= t.Serialized && t.Serialized <= t.CopiedOut && t.CopiedOut <= t.Acknowledged &&
		t.Received <= t.CopiedIn && t.CopiedIn <= t.Delivered && t.Delivered <= t.Consumed &&
		t.Consumed-t.Received <= t.Acknowledged-t.CopiedOut
}

// Phases splits the latency.
func (t *Timeline) Phases() Phases {
	return Phases{
		Serialize:   t.Serialized - t.Start,
		CopyOut:     t.CopiedOut - t.Serialized,
		Transfer:    t.Received - t.CopiedOut,
		CopyIn:      t.CopiedIn - t.Received,
		Deserialize: t.Delivered - t.CopiedIn,
	}
}

// Unavailable says why a transport cannot run on this machine, and what would mend that.
type Unavailable struct {
	Transport string
	Reason    string
	Remedy    string
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("transport %s cannot run here: %s (%s)", u.Transport, u.Reason, u.Remedy)
}

// ErrNoAnswer says that something did not come back within its deadline and cannot be
// stopped, such as a guest that never returns. Its process is killed.
var ErrNoAnswer = errors.New("no answer")
