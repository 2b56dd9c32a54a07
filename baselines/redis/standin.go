package redis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"

	"github.com/alicebob/miniredis/v2"
	"golang.org/x/sync/errgroup"

	"rrbench/transport/stream"
)

// StandInCommand is the argument by which the program becomes the stand-in for a
// redis-server: ServeStandIn.
const StandInCommand = "redis-stand-in"

// standInName is what rows say that were measured with the stand-in.
const standInName = "miniredis"

// standIn is the command of the stand-in.
func (p *process) standIn(tcp string) *exec.Cmd {
	places := []place{p.place}
	if tcp != "" {
		places = append(places, place{Network: overTCP, Address: tcp, Password: p.Password})
	}
	orders, _ := json.Marshal(places) // of texts and numbers
	command := exec.Command("/proc/self/exe", StandInCommand)
	command.Args[0] = os.Args[0]
	command.Stdin = bytes.NewReader(orders)
	return command
}

// ServeStandIn is a server in this process that knows enough of Redis to carry payloads,
// for machines without redis-server. Its parent, which starts it with StandInCommand, tells it
// where to listen, and ends it. Its figures are those of another program than Redis.
func ServeStandIn(ctx context.Context, orders io.Reader) error {
	var places []place
	if err := json.NewDecoder(orders).Decode(&places); err != nil {
		return fmt.Errorf("stand in for redis-server: %w (it is started by rrbench itself)", err)
	}
	server := miniredis.NewMiniRedis()
	// It starts without a listener of its own, since that would be one over TCP.
	first, err := server.Dial()
	if err != nil {
		return fmt.Errorf("stand in for redis-server: %w", err)
	}
	_ = first.Close()
	defer server.Close()
	var listeners []net.Listener
	for _, at := range places {
		server.RequireAuth(at.Password)
		listener, err := net.Listen(at.Network, at.Address)
		if err != nil {
			return fmt.Errorf("stand in for redis-server: %w", err)
		}
		defer listener.Close()
		defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
		listeners = append(listeners, listener)
	}
	var accepting errgroup.Group
	for _, listener := range listeners {
		accepting.Go(func() error { return accept(listener, server) })
	}
	return accepting.Wait()
}

// accept has a server answer those who connect, until the listener is closed.
func accept(listener net.Listener, server *miniredis.Miniredis) error {
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
