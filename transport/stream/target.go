package stream

import (
	"fmt"

	"rrbench/transport"
)

// Target is a receiver at an address of its own.
type Target struct {
	endpoint transport.Endpoint
	listener *Listener
	close    func() error
}

var _ transport.Target = (*Target)(nil)

// Serve begins to serve at an address that listen makes. The target takes over what close
// ends, the function or memory behind the service, when there is no error.
func Serve(name string, listen func() (*Listener, error), service Service, close func() error) (*Target, error) {
	listener, err := listen()
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", name, err)
	}
	listener.Serve(service)
	t := &Target{listener.Endpoint(name), listener, close}
	t.endpoint.Facts = service.Facts
	return t, nil
}

// Endpoint describes the target to a source.
func (t *Target) Endpoint() transport.Endpoint { return t.endpoint }

// Close leaves the receiver alone when its handler does not come back: its memory is still in
// use.
func (t *Target) Close() error {
	if err := t.listener.Close(); err != nil {
		return fmt.Errorf("%s: %w", t.endpoint.Transport, err)
	}
	return t.close()
}
