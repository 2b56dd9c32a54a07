package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// probeZerocopy finds out whether the kernel lets a TCP socket send by reference.
func probeZerocopy() error {
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
	for _, file := range pair {
		defer file.Close() // none does no harm
	}
	if err != nil {
		return false, err
	}
	from, to := int(pair[0].Fd()), int(pair[1].Fd())
	second := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(from, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &second); err != nil {
		return false, err
	}
	// The socket's buffers have room for all of it, so no reader is needed meanwhile.
	var header [1]byte
	payload := make([]byte, zerocopyFrom)
	until := measure.Now() + int64(time.Second)
	r := &referring{}
	if err := r.Write(from, header[:], payload, until); err != nil {
		return false, err
	}
	for left := len(header) + len(payload); left > 0; {
		n, err := unix.Read(to, payload)
		if n <= 0 && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("read what was sent: %w", err)
		}
		left -= max(n, 0)
	}
	if err := r.AwaitCompletion(from, until); err != nil {
		return false, err
	}
	return r.copied > 0, nil
})

// connectedPair is two blocking TCP sockets that are connected over loopback.
func connectedPair() (pair [2]*os.File, err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(transport.Loopback, "0"))
	if err != nil {
		return pair, err
	}
	defer listener.Close()
	dialed, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
	if err != nil {
		return pair, err
	}
	defer dialed.Close()
	if pair[0], err = dialed.(*net.TCPConn).File(); err != nil {
		return pair, err
	}
	accepted, err := listener.Accept()
	if err != nil {
		return pair, err
	}
	defer accepted.Close()
	if pair[1], err = accepted.(*net.TCPConn).File(); err != nil {
		return pair, err
	}
	return pair, errors.Join(unix.SetNonblock(int(pair[0].Fd()), false), unix.SetNonblock(int(pair[1].Fd()), false))
}
