package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"rrbench/shim"
	"rrbench/transport"
)

// Function has a runtime of containerd's start the function that a native source asks by its address alone; the source's
// shim is a child process. The parameter of the methods is a value of transport.ByContainerd.
type Function struct {
	Server *Server
	// Module is transport.Parameter.Function.
	Module []byte
}

var _ shim.Launcher = Function{}

// program is what the runtime starts, or why it cannot.
func (f Function) program(parameter string) (Program, error) {
	name, ok := strings.CutPrefix(parameter, transport.ByContainerd)
	if !ok {
		return Program{}, unavailable("it starts the function by a runtime that has to be named", "give --containerd-runtime NAME, or --launcher process")
	}
	p := Program{Runtime: name, Module: f.Module, Name: "http", HostNetwork: true}
	return p, f.Server.CheckAlone(p)
}

func (f Function) Check(parameter string) error {
	_, err := f.program(parameter)
	return err
}

func (f Function) Programs() []string { return Launcher{Server: f.Server}.Programs() }

// listening is a function that has been started.
type listening struct {
	shim.Child
	*Container
	address string
}

// Prepare starts the function, which listens at the port of this host which its argument is, and waits until it
// does. Shims then find it at their own address.
func (f Function) Prepare(parameter string) (_ shim.Pod, err error) {
	p, err := f.program(parameter)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("start the function by %s: %w", p.Runtime, err)
		}
	}()
	if err := f.Server.Ready(p); err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", net.JoinHostPort(transport.Loopback, "0"))
	if err != nil {
		return nil, err
	}
	l := &listening{address: free.Addr().String()}
	p.Arguments = []string{strconv.Itoa(free.Addr().(*net.TCPAddr).Port)}
	_ = free.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	if l.Container, err = f.Server.CreateAlone(ctx, p, nil, nil); err != nil {
		return nil, err
	}
	if err = l.Container.Start(ctx); err == nil {
		err = l.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.Remove())
	}
	return l, nil
}

// await waits until connections are accepted.
func (l *listening) await(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- l.Wait() }()
	for {
		connection, err := net.Dial("tcp", l.address)
		if err == nil {
			return connection.Close()
		}
		select {
		case end := <-ended:
			if end == nil {
				end = errors.New("it exited with status 0")
			}
			return end
		case <-ctx.Done():
			return fmt.Errorf("%w after %v: %w", transport.ErrNoAnswer, startDeadline, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (l *listening) Start(ctx context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	instance, err := l.Child.Start(ctx, name, runs)
	if err == nil {
		instance.Address = l.address
	}
	return instance, err
}

func (l *listening) Close() error { return l.Remove() }
