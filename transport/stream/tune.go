package stream

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// unixSendBuffer is the SO_SNDBUF asked for on Unix sockets, in bytes. With the usual
// default of 208 KiB the two sides wake one another so often that 100 MiB take more than
// twice as long; beyond 512 KiB nothing is gained.
const unixSendBuffer = 1 << 20

// Tune gives a connection of package net, TCP or a Unix socket, the options that this package's
// sockets have.
func Tune(connection net.Conn) error {
	return Control(connection, func(fd int) error {
		if peer, ok := connection.RemoteAddr().(*net.TCPAddr); ok {
			return TuneTCP(fd, peer.AddrPort().Addr())
		}
		// On a Unix socket the send buffer bounds what is in flight (unix(7)). Without CAP_NET_ADMIN the
		// kernel caps it at net.core.wmem_max.
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, unixSendBuffer)
		if err != nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, unixSendBuffer)
		}
		if err != nil {
			return fmt.Errorf("set a socket's send buffer: %w", err)
		}
		return nil
	})
}

// TuneTCP prepares a TCP socket for measuring, the same for every transport and baseline:
// no waiting for full segments (TCP_NODELAY), buffers left to the kernel's autotuning
// (tcp(7), tcp_moderate_rcvbuf), and, when the peer is on this host, Reno for congestion
// control. Loopback has no congestion, but BBR, the default of many servers, paces the
// sender there all the same and so measures itself. Reno is built into every kernel and
// open to every user; a real link keeps the machine's choice.
func TuneTCP(fd int, peer netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	if !peer.Unmap().IsLoopback() {
		return nil
	}
	if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno"); err != nil {
		return fmt.Errorf("set TCP_CONGESTION: %w", err)
	}
	return nil
}
