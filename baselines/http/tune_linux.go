package http

import (
	"net"

	"rrbench/transport/stream"
)

// tune gives a connection's socket the options that every transport over TCP has.
func tune(connection *net.TCPConn) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	peer := connection.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
	if controlErr := raw.Control(func(fd uintptr) { err = stream.TuneTCP(int(fd), peer) }); controlErr != nil {
		return controlErr
	}
	return err
}
