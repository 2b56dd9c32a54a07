package stream

import (
	"errors"
	"fmt"

	"rrbench/transport"
)

// target is a receiver at an address of its own.
type target struct {
	endpoint transport.Endpoint
	listener *Listener
	close    func() error
}

// Serve begins to serve at an address as Listen describes. It takes over what close ends, the function
// or memory behind the service, even after an error.
func Serve(name, address string, service Service, close func() error) (transport.Target, error) {
	listener, err := Listen(address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: target: %w", name, err), close())
	}
	listener.Serve(service)
	t := &target{listener.Endpoint(name), listener, close}
	t.endpoint.Facts = service.Facts
	return t, nil
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Close leaves the receiver alone when its handler does not come back: its memory is still in
// use.
func (t *target) Close() error {
	if err := t.listener.Close(); err != nil {
		return fmt.Errorf("%s: %w", t.endpoint.Transport, err)
	}
	return t.close()
}
