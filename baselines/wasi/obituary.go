package wasi

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"rrbench/baselines/wasi/abi"
	"rrbench/transport"
)

// obituary tells a target's source why the guest has ended, which the guest itself cannot:
// all that the source sees is that its connection is closed. Whoever connects sends the
// target's token and gets a text, an empty one while the guest lives.
type obituary struct {
	listener net.Listener
	token    []byte
	answered sync.WaitGroup

	lock sync.Mutex
	text string
}

// obituaryPatience bounds asking and answering: both are short, and nobody waits for a
// host that is gone.
const obituaryPatience = 500 * time.Millisecond

// newObituary listens beside the target.
func newObituary(endpoint transport.Endpoint) (*obituary, error) {
	host := netip.MustParseAddrPort(endpoint.Address).Addr()
	listener, err := net.Listen("tcp", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		return nil, fmt.Errorf("listen beside the guest: %w", err)
	}
	o := &obituary{listener: listener, token: endpoint.Nonce}
	o.answered.Go(func() {
		for {
			connection, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				// Too many descriptors, or a connection that has gone already.
				time.Sleep(time.Millisecond)
				continue
			}
			o.answered.Go(func() { o.answer(connection) })
		}
	})
	return o, nil
}

func (o *obituary) address() string { return o.listener.Addr().String() }

// write keeps the cause of the guest's end.
func (o *obituary) write(cause error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.text = cause.Error()
}

func (o *obituary) answer(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(obituaryPatience))
	var token [abi.TokenSize]byte
	if _, err := io.ReadFull(connection, token[:]); err != nil || subtle.ConstantTimeCompare(token[:], o.token) != 1 {
		return
	}
	o.lock.Lock()
	text := o.text
	o.lock.Unlock()
	// Who has gone meanwhile has nobody to be told.
	_, _ = io.WriteString(connection, text)
}

func (o *obituary) close() error {
	err := o.listener.Close()
	o.answered.Wait()
	return err
}

// read asks for an endpoint's obituary; it is empty where nobody knows better.
func read(endpoint transport.Endpoint) string {
	address := endpoint.Facts[factObituary]
	if address == "" {
		return ""
	}
	connection, err := net.DialTimeout("tcp", address, obituaryPatience)
	if err != nil {
		return ""
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(obituaryPatience))
	if _, err := connection.Write(endpoint.Nonce); err != nil {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(connection, longestText))
	if err != nil {
		return ""
	}
	return string(text)
}
