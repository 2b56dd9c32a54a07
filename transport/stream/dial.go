package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/transport"
)

// dialDeadline bounds connecting and the handshake together when the context does not.
const dialDeadline = 5 * time.Second

// dial connects to an endpoint and proves itself.
func dial(ctx context.Context, endpoint transport.Endpoint) (*socket, error) {
	if len(endpoint.Nonce) != transport.NonceSize {
		return nil, fmt.Errorf("the endpoint's nonce has %d bytes, not %d", len(endpoint.Nonce), transport.NonceSize)
	}
	if err := checkAddress(endpoint.Network, endpoint.Address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialDeadline)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	connection, err := dialer.DialContext(ctx, endpoint.Network, endpoint.Address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	process, err := prove(connection, endpoint.Nonce)
	if !stop() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		_ = connection.Close()
		return nil, err
	}
	return detach(connection, process)
}

// checkAddress refuses what is no endpoint's. Names are not looked up: an endpoint carries numbers.
func checkAddress(network, address string) error {
	switch network {
	case "unix":
		if longest := len(unix.RawSockaddrUnix{}.Path) - 1; !filepath.IsAbs(address) || len(address) > longest {
			return fmt.Errorf("address %q is not the absolute path of a Unix socket, at most %d bytes", address, longest)
		}
	case "tcp":
		if _, err := netip.ParseAddrPort(address); err != nil {
			return fmt.Errorf("address %q is not IP:port: %w", address, err)
		}
	default:
		return fmt.Errorf("network %q is neither unix nor tcp", network)
	}
	return nil
}

// prove does the connector's half of the handshake. It returns the process that listens at a Unix
// socket.
func prove(connection net.Conn, nonce []byte) (process int, err error) {
	if process, err = checkUser(connection); err != nil {
		return 0, err
	}
	if err := Tune(connection); err != nil {
		return 0, err
	}
	proof, expected := transport.Prove(nonce)
	if _, err := connection.Write(appendMessage(nil, 0, proof[:])); err != nil {
		return 0, fmt.Errorf("handshake: send the proof: %w", err)
	}
	var in [verdictSize]byte
	if n, err := io.ReadFull(connection, in[:]); err != nil {
		return 0, fmt.Errorf("handshake: the target did not answer, after %d of %d bytes: %w", n, len(in), err)
	}
	code, answer, err := parseMessage(in[:])
	if err != nil {
		return 0, err
	}
	if err := verdict(code).err(); err != nil {
		return 0, err
	}
	if !expected.Equal(answer) {
		return 0, errors.New("handshake: what listens at this address does not know the endpoint's nonce")
	}
	return process, nil
}

// checkUser refuses the peer of a Unix socket that is another user's process: the
// credentials of the moment of connect(2) or listen(2), SO_PEERCRED in unix(7). It returns
// the peer's process ID, 0 when that is not visible in this process' namespace, or over TCP.
func checkUser(connection net.Conn) (process int, err error) {
	local, ok := connection.(*net.UnixConn)
	if !ok {
		return 0, nil
	}
	var peer *unix.Ucred
	err = Control(local, func(fd int) (err error) {
		peer, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ask for the peer's credentials: %w", err)
	}
	if own := os.Geteuid(); int(peer.Uid) != own {
		return 0, fmt.Errorf("the peer (process %d) belongs to user %d, this process to user %d; run both as one user", peer.Pid, peer.Uid, own)
	}
	return int(peer.Pid), nil
}

// detach takes a connection, which it closes, away from package net, whose descriptors do not
// block.
func detach(connection net.Conn, process int) (*socket, error) {
	defer connection.Close()
	s := &socket{process: process}
	_, s.tcp = connection.(*net.TCPConn)
	err := Control(connection, func(fd int) (err error) {
		if s.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			err = unix.SetNonblock(s.fd, false)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take a connection over: %w", err)
	}
	return s, nil
}

// Control does something with the descriptor of a connection of package net.
func Control(connection net.Conn, do func(fd int) error) error {
	raw, err := connection.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = do(int(fd)) })
	return errors.Join(failed, err)
}
