package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"net/url"
	"time"

	"rrbench/baselines/function"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Open implements transport.Transport. Every target has answered on the connection that
// payloads will take when it returns.
func (n native) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	peers := make([]Peer, len(targets))
	for i, endpoint := range targets {
		var err error
		if peers[i], err = n.peerOf(endpoint); err != nil {
			return nil, err
		}
	}
	r, err := NewRoute(setup, peers)
	if err != nil {
		return nil, err
	}
	for _, p := range r.posts {
		if _, err := p.greet(ctx, max(setup.Deadline, greetTimeout)); err != nil {
			_ = r.Close()
			return nil, err
		}
	}
	return r, nil
}

// Peer is an HTTP server that takes payloads.
type Peer struct {
	URL *url.URL
	// Header goes with each request.
	Header nethttp.Header
	// Nonce, when set, is proven by the first request of each connection, and by its response.
	Nonce []byte
	// ReplyLimit is the longest reply that Answer may be given, in bytes; of a longer one it
	// is given a byte more.
	ReplyLimit int
	// Answer takes what the server replied, of which the body is valid until it returns,
	// into the delivery: Start, Serialized, CopiedOut and Acknowledged are filled in
	// already. It trusts nothing; its error is why the payload counts as not delivered.
	Answer func(response *nethttp.Response, body []byte, d *transport.Delivery) error
}

// Route is a native function and an HTTP client that posts its objects to peers.
type Route struct {
	function *function.Source
	client   nethttp.Transport
	posts    []*post
	deadline time.Duration
	closed   bool

	// pool runs sendOne for each peer. The rest is of the hand-off under way.
	pool    *transport.Pool
	sendOne func(i int)
	ctx     context.Context
	wire    []byte
	handoff *transport.Handoff
}

// NewRoute makes the function of setup. It does not connect yet.
func NewRoute(setup transport.Setup, peers []Peer) (*Route, error) {
	if len(peers) == 0 {
		return nil, errors.New("a route needs at least one target")
	}
	f, err := function.NewSource(setup)
	if err != nil {
		return nil, fmt.Errorf("make the function: %w", err)
	}
	r := &Route{
		function: f,
		deadline: setup.Deadline,
		client: nethttp.Transport{
			DialContext:         dial,
			DisableCompression:  true,
			TLSHandshakeTimeout: setup.Deadline,
			// Several peers may be behind one address.
			MaxIdleConnsPerHost: len(peers),
		},
	}
	if peers[0].Nonce != nil {
		r.client.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if ctx.Value(greeting{}) == nil {
				return nil, errUnproven
			}
			return dial(ctx, network, address)
		}
	}
	for _, peer := range peers {
		r.posts = append(r.posts, newPost(&r.client, peer))
	}
	r.pool = setup.Pool(len(peers))
	r.sendOne = func(i int) { r.posts[i].send(r.ctx, r.wire, &r.handoff.Deliveries[i]) }
	return r, nil
}

func (r *Route) Prepare(spec payloads.Spec) error {
	for _, p := range r.posts {
		p.reconnect(r.deadline)
	}
	return r.function.Prepare(spec)
}

func (r *Route) Rehearse(spec payloads.Spec) error { return r.function.Rehearse(spec) }

func (r *Route) Send(handoff *transport.Handoff) error {
	return r.SendWithin(context.Background(), handoff)
}

// SendWithin is Send that ends with a context too.
func (r *Route) SendWithin(ctx context.Context, handoff *transport.Handoff) error {
	if r.closed {
		return errors.New("the route is closed")
	}
	handoff.Resize(len(r.posts))
	timeline := transport.Timeline{Start: measure.Now()}
	handoff.Start = timeline.Start
	wire, err := r.function.Encode()
	if err != nil {
		return err
	}
	timeline.Serialized = measure.Now()
	// The socket is written to from where the bytes are.
	timeline.CopiedOut = timeline.Serialized
	for i := range handoff.Deliveries {
		handoff.Deliveries[i] = transport.Delivery{Timeline: timeline}
	}

	if r.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.deadline)
		defer cancel()
	}
	r.ctx, r.wire, r.handoff = ctx, wire, handoff
	r.pool.Run(r.sendOne)
	r.ctx, r.wire, r.handoff = nil, nil, nil
	return nil
}

// Close closes the connections.
func (r *Route) Close() error {
	r.closed = true
	r.pool.Close()
	r.client.CloseIdleConnections()
	return nil
}

// peerOf is the peer that a target's endpoint describes.
func (n native) peerOf(endpoint transport.Endpoint) (Peer, error) {
	if endpoint.Transport != n.name || endpoint.Network != "tcp" {
		return Peer{}, fmt.Errorf("endpoint %s of transport %q over %q: it must be one of %s over tcp", endpoint.Address, endpoint.Transport, endpoint.Network, n.name)
	}
	if _, _, err := net.SplitHostPort(endpoint.Address); err != nil {
		return Peer{}, fmt.Errorf("address of an endpoint: %w", err)
	}
	if len(endpoint.Nonce) != transport.NonceSize {
		return Peer{}, fmt.Errorf("endpoint %s has a nonce of %d bytes, not %d", endpoint.Address, len(endpoint.Nonce), transport.NonceSize)
	}
	return Peer{
		URL:        &url.URL{Scheme: "http", Host: endpoint.Address, Path: "/"},
		Header:     nethttp.Header{"Content-Type": {"application/octet-stream"}},
		Nonce:      endpoint.Nonce,
		ReplyLimit: transport.DeliveryLimit,
		Answer:     answered,
	}, nil
}

// answered takes a target's reply. A page of status 404, or another server's 200, is an error.
func answered(response *nethttp.Response, body []byte, d *transport.Delivery) error {
	host := response.Request.Host
	err := d.Answer(body)
	switch {
	case err == nil && d.Err != nil:
		return fmt.Errorf("target %s answered %s: %w", host, response.Status, d.Err)
	case response.StatusCode != nethttp.StatusOK:
		return fmt.Errorf("target %s answered %s (is a function of this program listening there?)", host, response.Status)
	case err != nil:
		return fmt.Errorf("target %s answered %s, but %w", host, response.Status, err)
	}
	return nil
}
