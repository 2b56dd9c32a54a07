//go:build !wasip1

package http

import (
	"context"
	"net"
	"syscall"
)

// listen makes the listener of a target.
func listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if control := raw.Control(func(fd uintptr) { err = deferAccept(int(fd)) }); control != nil {
			return control
		}
		return err
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
