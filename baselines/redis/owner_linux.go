package redis

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// processOf finds the process of this host that has the other end of a connection to a
// server, if it is the one that the server claims to be: one behind a proxy, in a container
// or on another host is not.
func processOf(ctx context.Context, at place, claimed int) (pid int, ok bool) {
	if claimed <= 0 {
		return 0, false
	}
	connection, err := dial(ctx, string(at.Network), at.Address)
	if err != nil {
		return 0, false
	}
	defer connection.Close()
	switch c := connection.(type) {
	case *net.UnixConn:
		return claimed, listenerOf(c) == claimed
	case *net.TCPConn:
		return claimed, accepted(c) && owns(claimed, c)
	}
	return 0, false
}

// listenerOf is the process that listens on the socket's other end, SO_PEERCRED of
// unix(7).
func listenerOf(connection *net.UnixConn) int {
	raw, err := connection.SyscallConn()
	if err != nil {
		return 0
	}
	var credentials *unix.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		credentials, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if controlErr != nil || err != nil {
		return 0
	}
	return int(credentials.Pid)
}

// accepted says that the server has answered, be it that nobody is let in: until then the
// connection belongs to nobody.
func accepted(connection net.Conn) bool {
	_ = connection.SetDeadline(time.Now().Add(attachPatience))
	if _, err := connection.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	var answer [1]byte
	_, err := connection.Read(answer[:])
	return err == nil
}

// owns says whether the process has the connection's other end.
func owns(pid int, connection *net.TCPConn) bool {
	// The connection as the other side has it, sock_diag(7).
	socket, err := netlink.SocketGet(connection.RemoteAddr(), connection.LocalAddr())
	if err != nil {
		return false
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && name == fmt.Sprintf("socket:[%d]", socket.INode) {
			return true
		}
	}
	return false
}
