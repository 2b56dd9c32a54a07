package redis

import (
	"context"
	"net"

	"golang.org/x/sys/unix"

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

// listensAt says whether a process listens on a Unix socket (SO_PEERCRED, unix(7)).
func listensAt(ctx context.Context, address string, pid int) bool {
	connection, err := dial(ctx, string(Unix), address)
	if err != nil {
		return false
	}
	defer connection.Close()
	raw, err := connection.(*net.UnixConn).SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return controlErr == nil && err == nil && pid > 0 && int(peer.Pid) == pid
}
