//go:build !wasip1

package http

import (
	"context"
	"net"
)

// listen makes the listener of a target.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

// connect makes a connection for the client.
func connect(ctx context.Context, network, address string) (*net.TCPConn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}
