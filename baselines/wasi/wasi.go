package wasi

import (
	"embed"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"rrbench/baselines/wasi/abi"
	"rrbench/transport"
	"rrbench/workloads"
)

// Name is the transport's.
const Name = "http/wasi"

// Guests is the transport http/wasi.
type Guests struct {
	// memoryLimit bounds a guest's memory in bytes; zero is what it can address less a page, so that the end
	// of memory has an offset.
	memoryLimit uint64
}

// New is http/wasi on this host's loopback.
func New() transport.Transport { return Guests{} }

func (Guests) Info() transport.Info {
	return transport.Info{
		Name:      Name,
		Summary:   "WebAssembly functions exchange HTTP/1.1 requests over WASI sockets, JSON or raw bodies",
		Family:    transport.HTTP,
		Place:     1,
		Limits:    []string{"limit/tcp"},
		Hosting:   transport.SeparateProcesses,
		FansIn:    true,
		OneSource: []string{cGuest},
		Across:    true,
		Runs:      transport.Wasm,
		Codecs:    []transport.Codec{transport.JSON, transport.Raw, transport.JSONStd},
		Guests: map[transport.Codec][]string{
			transport.JSON: {goGuest}, transport.Raw: {goGuest, cGuest}, transport.JSONStd: {goGuest},
		},
		// The serialized object, the decoded one, and as much garbage before the collector
		// runs; linear memory never shrinks.
		CopiesPerTarget: 5,
		// The object, its serialized form, and what encoding/json pools.
		CopiesAtSource: 5,
	}
}

func (Guests) Check() error { return transport.CheckLoopback(Name) }

// numbers are the guest's for a setup's codec and kind of payload.
func numbers(setup transport.Setup) (codec, kind uint64, err error) {
	c, k := slices.Index(abi.Codecs, setup.Codec), slices.Index(abi.Kinds, setup.Payload)
	if c < 0 || k < 0 {
		return 0, 0, fmt.Errorf("codec %q or payload %q is unknown to guests: use %v and %v", setup.Codec, setup.Payload, abi.Codecs, abi.Kinds)
	}
	return uint64(c), uint64(k), nil
}

// addressOf takes an IPv4 address apart for a guest.
func addressOf(text string) (address, port uint64, err error) {
	parsed, err := netip.ParseAddrPort(text)
	if err != nil {
		return 0, 0, err
	}
	if !parsed.Addr().Unmap().Is4() {
		return 0, 0, fmt.Errorf("address %s: guests know IPv4 alone", text)
	}
	four := parsed.Addr().Unmap().As4()
	return uint64(binary.BigEndian.Uint32(four[:])), uint64(parsed.Port()), nil
}

//go:embed guests/built
var built embed.FS

const (
	goGuest = "http-go"
	cGuest  = "http-c"
)

var _ transport.GuestOwner = Guests{}

func (Guests) GuestNames() []string { return []string{goGuest, cGuest} }

func (g Guests) GuestModule(name string) ([]byte, error) {
	return workloads.Built(built, "guests/built", name, g.GuestNames())
}
