package network

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// probeZerocopy finds out whether the kernel lets a TCP socket send by reference.
func probeZerocopy() error {
	if err := transport.CheckLoopback(zerocopyName); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = (&referring{}).enable(fd)
		_ = unix.Close(fd)
	}
	if err != nil {
		return &transport.Unavailable{Transport: zerocopyName, Reason: err.Error(), Remedy: "it needs Linux 4.14 or later; use network/splice"}
	}
	return nil
}

// zerocopyFacts say what the kernel does with pages whose receiver is on this host.
func zerocopyFacts() map[string]string {
	if copied, err := copiesOnLoopback(); err != nil || !copied {
		return nil
	}
	return map[string]string{"pages": "are copied by the kernel when the receiver is on the same host"}
}

// copiesOnLoopback sends a payload by reference over loopback, once in a process, and says
// whether the kernel reported that it copied the bytes.
var copiesOnLoopback = sync.OnceValues(func() (copied bool, err error) {
	pair, err := connectedPair()
	if err != nil {
		return false, err
	}
	defer func() {
		for _, fd := range pair {
			_ = unix.Close(fd)
		}
	}()
	// The socket's buffers have room for all of it, so no reader is needed meanwhile.
	var header [1]byte
	payload := make([]byte, zerocopyFrom)
	until := measure.Now() + int64(time.Second)
	r := &referring{}
	if err := r.Write(pair[0], header[:], payload, until); err != nil {
		return false, err
	}
	for left := len(header) + len(payload); left > 0; {
		n, err := unix.Read(pair[1], payload)
		if n <= 0 && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("read what was sent: %w", err)
		}
		left -= max(n, 0)
	}
	if err := r.AwaitCompletion(pair[0], until); err != nil {
		return false, err
	}
	return r.copied > 0, nil
})

// connectedPair is two TCP sockets that are connected over loopback.
func connectedPair() (pair [2]int, err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return pair, fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return pair, fmt.Errorf("bind to loopback: %w", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return pair, fmt.Errorf("listen on loopback: %w", err)
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return pair, err
	}
	if pair[0], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return pair, fmt.Errorf("make a socket: %w", err)
	}
	second := unix.NsecToTimeval(int64(time.Second))
	if err = unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_SNDTIMEO, &second); err == nil {
		err = unix.Connect(pair[0], address)
	}
	if err == nil {
		pair[1], _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	}
	if err != nil {
		_ = unix.Close(pair[0])
		return pair, fmt.Errorf("connect over loopback: %w", err)
	}
	return pair, nil
}
