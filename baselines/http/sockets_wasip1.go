package http

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"structs"
	"syscall"
	"unsafe"
)

// Preview 1 cannot open sockets; these are the calls that WasmEdge added to it for that.
// See https://github.com/second-state/wasmedge_wasi_socket

//go:wasmimport wasi_snapshot_preview1 sock_open
//go:noescape
func sockOpen(family, kind uint32, descriptor *uint32) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_bind
//go:noescape
func sockBind(descriptor uint32, address *socketAddress, port uint32) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_listen
//go:noescape
func sockListen(descriptor, backlog uint32) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_connect
//go:noescape
func sockConnect(descriptor uint32, address *socketAddress, port uint32) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_getlocaladdr
//go:noescape
func sockGetLocalAddr(descriptor uint32, address *socketAddress, port *uint32) syscall.Errno

// copiedIn is as package baselines/wasi/abi has it.
//
//go:wasmimport rrbench copied_in
func copiedIn() int64

// socketAddress is an address in memory.
type socketAddress struct {
	_ structs.HostLayout
	// pointer leads to the bytes, which the caller has to keep alive.
	pointer uint32
	length  uint32
}

func addressOf(bytes []byte) socketAddress {
	return socketAddress{
		pointer: uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))),
		length:  uint32(len(bytes)),
	}
}

const (
	familyIPv4 = 1
	familyIPv6 = 2
	kindStream = 2

	backlog = 128
)

// open makes a socket for an address, which is not a name: a guest cannot resolve one.
func open(address string) (descriptor uint32, parsed netip.AddrPort, err error) {
	if parsed, err = netip.ParseAddrPort(address); err != nil {
		return 0, parsed, err
	}
	parsed = netip.AddrPortFrom(parsed.Addr().Unmap(), parsed.Port())
	family := uint32(familyIPv4)
	if parsed.Addr().Is6() {
		family = familyIPv6
	}
	if errno := sockOpen(family, kindStream, &descriptor); errno != 0 {
		return 0, parsed, fmt.Errorf("open a socket for %s: %w", address, errno)
	}
	return descriptor, parsed, nil
}

// listen makes the listener of a target.
func listen(_ context.Context, address string) (net.Listener, error) {
	descriptor, parsed, err := open(address)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(descriptor), "listener")
	// What package net makes of it is a copy.
	defer file.Close()
	bytes := parsed.Addr().AsSlice()
	defer runtime.KeepAlive(bytes)
	memory := addressOf(bytes)
	if errno := sockBind(descriptor, &memory, uint32(parsed.Port())); errno != 0 {
		return nil, fmt.Errorf("bind to %s: %w", address, errno)
	}
	if errno := sockListen(descriptor, backlog); errno != 0 {
		return nil, fmt.Errorf("listen on %s: %w", address, errno)
	}
	var port uint32
	if errno := sockGetLocalAddr(descriptor, &memory, &port); errno != 0 {
		return nil, fmt.Errorf("ask which port was chosen: %w", errno)
	}
	if err := syscall.SetNonblock(int(descriptor), true); err != nil {
		return nil, err
	}
	plain, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return guestListener{plain, netip.AddrPortFrom(parsed.Addr(), uint16(port))}, nil
}

// guestListener knows its address, which package net cannot find out.
type guestListener struct {
	net.Listener
	address netip.AddrPort
}

func (l guestListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.address) }

// connect makes a connection for the client. It waits in the host, which has a deadline.
func connect(_ context.Context, _, address string) (*net.TCPConn, error) {
	descriptor, parsed, err := open(address)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(descriptor), "connection")
	defer file.Close()
	bytes := parsed.Addr().AsSlice()
	defer runtime.KeepAlive(bytes)
	memory := addressOf(bytes)
	if errno := sockConnect(descriptor, &memory, uint32(parsed.Port())); errno != 0 {
		return nil, fmt.Errorf("connect to %s: %w", address, errno)
	}
	if err := syscall.SetNonblock(int(descriptor), true); err != nil {
		return nil, err
	}
	connection, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}
