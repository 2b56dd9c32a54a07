package http

import (
	"net"

	"golang.org/x/sys/unix"

	"rrbench/transport/stream"
)

// tune gives a connection's socket the options that every transport over TCP has.
func tune(connection *net.TCPConn) error { return stream.Tune(connection) }

// deferAccept has a listener accept connections with their first bytes only.
func deferAccept(fd int) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 2)
}

// setWatermark has a connection's reader woken when so many bytes have arrived
// (SO_RCVLOWAT, socket(7)), or its end.
func setWatermark(connection *net.TCPConn, bytes int) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
	}); controlErr != nil {
		return controlErr
	}
	return err
}
