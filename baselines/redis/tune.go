package redis

import (
	"net"

	"rrbench/transport/stream"
)

// sendBuffer is the SO_SNDBUF of a Unix socket to the server, in bytes. The usual default
// of 208 KiB makes the two sides wake one another more often.
const sendBuffer = 1 << 20

// tune gives a socket the options that every transport has.
func tune(connection net.Conn) error {
	switch c := connection.(type) {
	case *net.UnixConn:
		return c.SetWriteBuffer(sendBuffer)
	case *net.TCPConn:
		raw, err := c.SyscallConn()
		if err != nil {
			return err
		}
		peer := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
		if controlErr := raw.Control(func(fd uintptr) { err = stream.TuneTCP(int(fd), peer) }); controlErr != nil {
			return controlErr
		}
		return err
	}
	return nil
}
