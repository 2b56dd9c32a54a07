package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/alicebob/miniredis/v2"

	"rrbench/transport/stream"
)

// StandInCommand is the argument by which the program becomes the stand-in for a
// redis-server: ServeStandIn.
const StandInCommand = "redis-stand-in"

// standInName is what rows say that were measured with the stand-in.
const standInName = "miniredis"

// standInListener is the descriptor that the stand-in inherits to listen on.
const standInListener = 3

// ServeStandIn is a server in this process that knows enough of Redis to carry payloads,
// for machines without redis-server. Its parent, which starts it with StandInCommand and a
// listener, gives it the password, and ends it. Its figures are those of another program
// than Redis.
func ServeStandIn(ctx context.Context, orders io.Reader) error {
	file := os.NewFile(standInListener, "listener")
	listener, err := net.FileListener(file)
	_ = file.Close()
	if err != nil {
		return fmt.Errorf("stand in for redis-server: %w (it is started by rrbench itself)", err)
	}
	password, err := io.ReadAll(orders)
	if err != nil {
		return fmt.Errorf("stand in for redis-server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(string(password))
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
		_ = stream.Tune(connection)
		server.Server().ServeConn(connection)
	}
}
