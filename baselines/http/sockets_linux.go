package http

import (
	"context"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"rrbench/transport/stream"
)

// listen makes the listener of a target, which accepts connections with their first bytes only.
func listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return setOption(raw, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 2)
	}}
	return config.Listen(ctx, "tcp", address)
}

// copiedIn is not known: package net waits and reads in one call. See docs/fairness.md.
func copiedIn() int64 { return 0 }

// connect makes a connection for the client.
func connect(ctx context.Context, network, address string) (*net.TCPConn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}

// tune gives a connection's socket the options that every transport over TCP has.
func tune(connection *net.TCPConn) error { return stream.Tune(connection) }

// setWatermark has a connection's reader woken when so many bytes have arrived
// (SO_RCVLOWAT, socket(7)), or its end.
func setWatermark(connection *net.TCPConn, bytes int) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	return setOption(raw, unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
}

func setOption(raw syscall.RawConn, level, option, value int) (err error) {
	control := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, value) })
	return errors.Join(control, err)
}
