//go:build wasip1

// The functions of http/native as a WebAssembly guest: A and B with net/http, as package
// baselines/wasi/abi has it. Built as a reactor:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"
	"unsafe"

	"rrbench/baselines/http"
	"rrbench/baselines/wasi/abi"
	"rrbench/payloads"
	"rrbench/transport"
)

// heapLimit is where the garbage collector stops to let the heap double, in bytes: beyond
// 4 GiB there is no memory, however little of it is in use.
const heapLimit = 3 << 30

var (
	setup transport.Setup

	served transport.Target

	endpoints []transport.Endpoint
	route     transport.Route
	handoff   transport.Handoff
	// encoded holds the deliveries as the host reads them.
	encoded []byte

	failed string
)

func main() {}

func init() { debug.SetMemoryLimit(heapLimit) }

// status keeps an error for failure.
func status(err error) uint32 {
	if err == nil {
		return 0
	}
	failed = err.Error()
	return 1
}

func pointer[T any](to *T) uint32 { return uint32(uintptr(unsafe.Pointer(to))) }

//go:wasmexport failure
func failure() uint64 {
	return uint64(pointer(unsafe.StringData(failed)))<<32 | uint64(len(failed))
}

//go:wasmexport begin
func begin(codec, kind uint32, size, deadline int64, serial, writes uint32) uint32 {
	if int(codec) >= len(abi.Codecs) || int(kind) >= len(abi.Kinds) {
		return status(fmt.Errorf("codec %d or payload %d is unknown to this guest", codec, kind))
	}
	setup = transport.Setup{
		Codec:    abi.Codecs[codec],
		Payload:  abi.Kinds[kind],
		Size:     size,
		Deadline: time.Duration(deadline),
		Serial:   serial != 0,
	}
	if writes != 0 {
		setup.Consume = transport.ConsumeWrite
	}
	return 0
}

func addressOf(address uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, address)))
}

//go:wasmexport listen
func listen(address, port uint32) uint32 {
	var err error
	setup.Address = addressOf(address).String()
	var chosen netip.AddrPort
	if served, err = http.New().Serve(context.Background(), setup); err == nil {
		chosen, err = netip.ParseAddrPort(served.Endpoint().Address)
	}
	status(err)
	return uint32(chosen.Port())
}

//go:wasmexport token
func token() uint32 { return pointer(unsafe.SliceData(served.Endpoint().Nonce)) }

// serve lets the server's goroutines run.
//
//go:wasmexport serve
func serve() { select {} }

//go:wasmexport target
func target(address, port uint32) uint32 {
	endpoint := transport.Endpoint{
		Transport: http.New().Info().Name,
		Network:   "tcp",
		Address:   netip.AddrPortFrom(addressOf(address), uint16(port)).String(),
		Nonce:     make([]byte, transport.NonceSize),
	}
	endpoints = append(endpoints, endpoint)
	return pointer(unsafe.SliceData(endpoint.Nonce))
}

//go:wasmexport open
func open() uint32 {
	var err error
	route, err = http.New().Open(context.Background(), setup, endpoints)
	handoff.Deliveries = make([]transport.Delivery, len(endpoints))
	encoded = make([]byte, len(endpoints)*transport.DeliveryLimit)
	return status(err)
}

var errNotOpen = errors.New("the route is not open")

//go:wasmexport prepare
func prepare(kind uint32, seed uint64, size int64) uint32 {
	return makeBy(transport.Route.Prepare, kind, seed, size)
}

//go:wasmexport rehearse
func rehearse(kind uint32, seed uint64, size int64) uint32 {
	return makeBy(transport.Route.Rehearse, kind, seed, size)
}

func makeBy(step func(transport.Route, payloads.Spec) error, kind uint32, seed uint64, size int64) uint32 {
	if route == nil {
		return status(errNotOpen)
	}
	if int(kind) >= len(abi.Kinds) {
		return status(fmt.Errorf("payload %d is unknown to this guest", kind))
	}
	return status(step(route, payloads.Spec{Kind: abi.Kinds[kind], Seed: seed, Size: size}))
}

//go:wasmexport send
func send() uint32 {
	if route == nil {
		return status(errNotOpen)
	}
	if err := route.Send(&handoff); err != nil {
		return status(err)
	}
	for i := range handoff.Deliveries {
		// Each has room for the longest.
		handoff.Deliveries[i].AppendTo(encoded[i*transport.DeliveryLimit : i*transport.DeliveryLimit])
	}
	return 0
}

//go:wasmexport deliveries
func deliveries() uint32 { return pointer(unsafe.SliceData(encoded)) }
