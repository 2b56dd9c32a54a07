package wasi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines/wasip1"
	"rrbench/transport"
)

func (g Guests) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	listen := setup.Listen()
	address, port, err := addressOf(listen)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	made, bounded, err := g.start(ctx, setup)
	if err != nil {
		return nil, err
	}
	t := &target{guest: made, served: make(chan struct{})}
	if err := errors.Join(t.listen(listen, address, port), bounded()); err != nil {
		return nil, errors.Join(err, made.close())
	}
	// A source may think for as long as it likes; the guest itself bounds an exchange.
	made.within(0)
	go t.serve()
	return t, nil
}

// target is a guest that serves requests on a goroutine of its own.
type target struct {
	guest    *guest
	endpoint transport.Endpoint
	served   chan struct{}
}

func (t *target) listen(text string, address, port uint64) error {
	chosen, err := t.guest.call(abi.Listen, address, port)
	if err != nil {
		return err
	}
	if chosen == 0 || chosen > 0xffff {
		return t.guest.failure()
	}
	where, err := t.guest.call(abi.Token)
	if err != nil {
		return err
	}
	nonce, err := t.guest.memory(where, transport.NonceSize)
	if err != nil {
		return err
	}
	host := netip.MustParseAddrPort(text).Addr().Unmap()
	t.endpoint = transport.Endpoint{
		Transport: Name,
		Network:   "tcp",
		Address:   netip.AddrPortFrom(host, uint16(chosen)).String(),
		Nonce:     bytes.Clone(nonce),
	}
	return nil
}

// serve runs until the target is closed, or the guest has ended by itself.
func (t *target) serve() {
	defer close(t.served)
	serve, _ := t.guest.instance.Function(abi.Serve)
	err := serve.Call(t.guest.stack[:])
	if errors.Is(err, wasip1.ErrClosed) {
		_ = t.guest.system.Close()
		return
	}
	if err == nil {
		err = errors.New("it returned")
	}
	t.fail(t.guest.system.Explain(err))
}

// farewell is how long a source may take to read why the guest has ended.
const farewell = 500 * time.Millisecond

// fail answers for a guest that cannot any more.
func (t *target) fail(cause error) {
	d := transport.Delivery{Err: fmt.Errorf("guest %s has ended: %w", t.guest.name, cause)}
	body := d.AppendTo(nil)
	head := fmt.Sprintf("HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(body))
	_ = t.guest.system.CloseAfter(append([]byte(head), body...), farewell)
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Close ends the guest, as soon as it has done computing, and its connections.
func (t *target) Close() error {
	err := t.guest.system.Close()
	<-t.served
	return errors.Join(err, t.guest.close())
}
