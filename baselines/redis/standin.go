package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/alicebob/miniredis/v2"
)

// StandInCommand is the argument by which the program is told to be the stand-in for a
// redis-server: ServeStandIn.
const StandInCommand = "redis-stand-in"

// standInName is what rows say that were measured with the stand-in.
const standInName = "miniredis"

// ServeStandIn is a server in this process that knows enough of Redis to carry payloads,
// for machines without redis-server. It is told by its parent, which starts it with
// StandInCommand, where to listen, and runs until the parent ends it. Its figures are those
// of another program than Redis.
func ServeStandIn(ctx context.Context, orders io.Reader) error {
	var at place
	if err := json.NewDecoder(orders).Decode(&at); err != nil {
		return fmt.Errorf("stand in for redis-server: %w (it is started by rrbench itself)", err)
	}
	listener, err := net.Listen(string(at.Network), at.Address)
	if err != nil {
		return fmt.Errorf("stand in for redis-server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(at.Password)
	// It starts without a listener of its own, since that would be one over TCP.
	first, err := server.Dial()
	if err != nil {
		return fmt.Errorf("stand in for redis-server: %w", err)
	}
	_ = first.Close()
	defer server.Close()
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("stand in for redis-server: %w", err)
		}
		_ = tune(connection)
		server.Server().ServeConn(connection)
	}
}
