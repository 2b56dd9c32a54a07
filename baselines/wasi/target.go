package wasi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines/wasip1"
	"rrbench/transport"
)

// Facts of an endpoint.
const (
	// FactColdStart is how long the target took from being asked for until it listened,
	// in nanoseconds.
	FactColdStart = "cold_start_ns"
	// factObituary is the address that tells why the guest has ended; see obituary.
	factObituary = "obituary"
)

// Serve implements transport.Transport.
func (g Guests) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	began := time.Now()
	listen := g.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
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
	if t.obituary, err = newObituary(t.endpoint); err != nil {
		return nil, errors.Join(err, made.close())
	}
	t.endpoint.Facts = map[string]string{
		FactColdStart: strconv.FormatInt(int64(time.Since(began)), 10),
		factObituary:  t.obituary.address(),
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
	obituary *obituary
	served   chan struct{}
}

func (t *target) listen(text string, address, port uint64) error {
	chosen, err := t.guest.call(abi.Listen, address, port)
	if err != nil {
		return fmt.Errorf("guest %s: %w", t.guest.name, err)
	}
	if chosen == 0 || chosen > 0xffff {
		return t.guest.failure()
	}
	where, err := t.guest.call(abi.Token)
	if err != nil {
		return fmt.Errorf("guest %s: %w", t.guest.name, err)
	}
	token, err := t.guest.memory(where, abi.TokenSize)
	if err != nil {
		return err
	}
	host := netip.MustParseAddrPort(text).Addr().Unmap()
	t.endpoint = transport.Endpoint{
		Transport: Name,
		Network:   "tcp",
		Address:   netip.AddrPortFrom(host, uint16(chosen)).String(),
		Nonce:     bytes.Clone(token),
	}
	return nil
}

// serve runs until the target is closed, or the guest has ended by itself.
func (t *target) serve() {
	defer close(t.served)
	serve, ok := t.guest.instance.Function(abi.Serve)
	if !ok {
		t.obituary.write(fmt.Errorf("guest %s does not export %s", t.guest.name, abi.Serve))
		_ = t.guest.system.Close()
		return
	}
	err := serve.Call(t.guest.stack[:])
	if !errors.Is(err, wasip1.ErrClosed) {
		if err == nil {
			err = errors.New("it returned")
		}
		// First: who sees its connection close asks at once.
		t.obituary.write(t.guest.system.Explain(err))
	}
	_ = t.guest.system.Close()
}

func (t *target) Endpoint() transport.Endpoint { return t.endpoint }

// Close ends the guest, as soon as it has done computing, and its connections.
func (t *target) Close() error {
	err := t.guest.system.Close()
	<-t.served
	return errors.Join(err, t.guest.close(), t.obituary.close())
}
