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
	"syscall"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"rrbench/control"
	"rrbench/transport"
)

// Find finds a transport by name; see catalogue.Find.
type Find func(name string) (transport.Transport, error)

// Serve is the main function of a function-host process: it answers the driver that started the
// process until the driver closes the connection or ends. It returns nil after an orderly
// shutdown; the process should end then.
//
// It ignores the signals of a terminal's interrupt and end, which reach every process there: the
// driver decides whether a batch ends.
func Serve(find Find) error {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	connection, err := inherit()
	if err != nil {
		return err
	}
	return ServeConnection(connection, find)
}

// Connect is Serve for a driver that listens at a Unix socket.
func Connect(path string, find Find) error {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	connection, err := net.Dial("unix", path)
	if err != nil {
		return fmt.Errorf("reach the driver: %w", err)
	}
	return ServeConnection(connection, find)
}

// ServeConnection is Serve for a given control connection. It ignores no signals.
func ServeConnection(connection net.Conn, find Find) error {
	turns := make(chan struct{}, 1)
	turns <- struct{}{}
	listener := &onlyConnection{connection, turns, sync.OnceFunc(func() { close(turns) })}
	s := &server{find: find, turn: semaphore.NewWeighted(1)}
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(largestMessage), grpc.MaxSendMsgSize(largestMessage),
		grpc.StaticStreamWindowSize(1<<20), grpc.StaticConnWindowSize(1<<20),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			reply, err := handle(ctx, request)
			return reply, toStatus(err)
		}),
		grpc.StreamInterceptor(func(s any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			return toStatus(handle(s, stream))
		}))
	control.RegisterShimServer(g, s)
	if err := g.Serve(listener); !errors.Is(err, io.EOF) {
		return fmt.Errorf("answer the driver: %w", err)
	}
	// Stop does not wait for a batch, whose guest may never return.
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
	// turns has one turn to be accepted.
	turns <-chan struct{}
	end   func()
}

func (c *onlyConnection) Accept() (net.Conn, error) {
	if _, ok := <-c.turns; !ok {
		return nil, io.EOF
	}
	return c, nil
}

func (c *onlyConnection) Close() error {
	c.end()
	return c.Conn.Close()
}

func (c *onlyConnection) Addr() net.Addr { return c.LocalAddr() }

// inherit takes over the driver's socket, and prevents processes that the shim starts from inheriting
// it in turn.
func inherit() (net.Conn, error) {
	unix.CloseOnExec(inheritedDescriptor)
	peer, err := unix.Getpeername(inheritedDescriptor)
	if _, ok := peer.(*unix.SockaddrUnix); err != nil || !ok {
		return nil, errors.New("this command hosts functions for rrbench, which starts it by itself: run rrbench sweep")
	}
	file := os.NewFile(inheritedDescriptor, "driver")
	defer file.Close()
	connection, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("take over the driver's socket: %w", err)
	}
	return connection, nil
}

// dieWith makes the kernel kill this process when its parent ends, which must be the driver. The
// parent has set that for its child already, but the kernel clears it when the program file has
// capabilities; see PR_SET_PDEATHSIG(2const).
func dieWith(driver int64) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_PDEATHSIG: %w", err)
	}
	// A driver that ended before sent no signal, and left this process to another parent.
	if parent := os.Getppid(); int64(parent) != driver {
		return fmt.Errorf("the driver (process %d) has ended: the parent is process %d", driver, parent)
	}
	return nil
}
