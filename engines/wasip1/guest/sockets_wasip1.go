// Package guest has sockets for guests in Go, which Go itself cannot make there.
package guest

import (
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

// Listen listens on an IP address and port; port 0 lets the host choose.
func Listen(address string) (net.Listener, error) {
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
	return listener{plain, netip.AddrPortFrom(parsed.Addr(), uint16(port))}, nil
}

// listener knows its address, which package net cannot find out.
type listener struct {
	net.Listener
	address netip.AddrPort
}

func (l listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.address) }

// Dial connects to an IP address and port. It waits in the host, which has a deadline.
func Dial(address string) (*net.TCPConn, error) {
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
