package redis

import (
	"bytes"
	"encoding/json"
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
func (s *server) standIn(tcp string) *exec.Cmd {
	places := []place{s.place}
	if tcp != "" {
		places = append(places, place{Network: overTCP, Address: tcp, Password: s.Password})
	}
	orders, _ := json.Marshal(places) // of texts and numbers
	command := exec.Command("/proc/self/exe", StandInCommand)
	command.Args[0] = os.Args[0]
	command.Stdin = bytes.NewReader(orders)
	return command
}

// ServeStandIn is a server in this process that knows enough of Redis to carry payloads,
// for machines without redis-server. Its parent, which starts it with StandInCommand, tells it
// where to listen, and kills it in the end. Its figures are those of another program than Redis.
func ServeStandIn(orders io.Reader) error {
	var places []place
	if err := json.NewDecoder(orders).Decode(&places); err != nil {
		return fmt.Errorf("stand in for redis-server: %w (it is started by rrbench itself)", err)
	}
	server := miniredis.NewMiniRedis()
	// It starts without a listener of its own, since that would be one over TCP.
	if _, err := server.Dial(); err != nil {
		return err
	}
	// It answers at one address only when it has all: its parent asks at the first.
	var listeners []net.Listener
	for _, at := range places {
		server.RequireAuth(at.Password)
		listener, err := net.Listen(at.Network, at.Address)
		if err != nil {
			return err
		}
		listeners = append(listeners, listener)
	}
	var accepting errgroup.Group
	for _, listener := range listeners {
		accepting.Go(func() error {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return err
				}
				_ = stream.Tune(connection)
				server.Server().ServeConn(connection)
			}
		})
	}
	return accepting.Wait()
}
