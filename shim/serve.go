package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc"

	"rrbench/control"
	"rrbench/transport"
)

// Find finds a transport by name; see catalogue.Find.
type Find func(name string) (transport.Transport, error)

// Serve is the whole of a function-host process: it answers the driver that started it
// until the driver has closed the connection or is gone. It returns nil after an orderly
// shutdown; the process should end then.
//
// An interrupt from the keyboard and the end of a terminal, which reach every process of it,
// are ignored: the driver decides what becomes of a batch.
func Serve(find Find) error {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	connection, err := inherit()
	if err != nil {
		return err
	}
	return ServeConnection(connection, find)
}

// Connect is Serve for a driver that waits at a Unix socket.
func Connect(path string, find Find) error {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	connection, err := net.Dial("unix", path)
	if err != nil {
		return fmt.Errorf("reach the driver: %w", err)
	}
	return ServeConnection(connection, find)
}

// ServeConnection is Serve for a control connection that is there already.
func ServeConnection(connection net.Conn, find Find) error {
	listener := &onlyConnection{Conn: connection, ended: make(chan struct{})}
	s := newServer(find)
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(largestMessage), grpc.MaxSendMsgSize(largestMessage),
		grpc.StaticStreamWindowSize(1<<20), grpc.StaticConnWindowSize(1<<20))
	control.RegisterShimServer(g, s)
	if err := g.Serve(listener); !errors.Is(err, io.EOF) {
		return fmt.Errorf("answer the driver: %w", err)
	}
	// Stop does not wait for a batch whose guest never returns.
	g.Stop()
	if s.shut.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), exitTimeout)
	defer cancel()
	return errors.Join(append([]error{errors.New("the driver has ended")}, s.closeAll(ctx)...)...)
}

// onlyConnection is a connection, and a listener that accepts it and ends when it is closed.
type onlyConnection struct {
	net.Conn
	accepted atomic.Bool
	once     sync.Once
	ended    chan struct{}
}

func (c *onlyConnection) Accept() (net.Conn, error) {
	if !c.accepted.Swap(true) {
		return c, nil
	}
	<-c.ended
	return nil, io.EOF
}

func (c *onlyConnection) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

func (c *onlyConnection) Addr() net.Addr { return c.LocalAddr() }
