package http

import (
	"context"
	"net"

	"golang.org/x/sys/unix"

	"rrbench/transport/stream"
)

// listen makes the listener of a target, which accepts connections with their first bytes only.
func listen(ctx context.Context, address string) (net.Listener, error) {
	return stream.Deferring.Listen(ctx, "tcp", address)
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

// setWatermark lets a connection's reader sleep until so many bytes have arrived
// (SO_RCVLOWAT, socket(7)), or its end.
func setWatermark(connection *net.TCPConn, bytes int) error {
	return stream.Control(connection, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
	})
}
