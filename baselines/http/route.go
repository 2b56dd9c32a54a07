package http

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"sync"
	"time"

	"rrbench/baselines/function"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Open implements transport.Transport. Every target has answered on the connection that
// payloads will take when it returns.
func (Native) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	if len(targets) == 0 {
		return nil, errors.New("a route needs at least one target")
	}
	f, err := function.NewSource(setup)
	if err != nil {
		return nil, fmt.Errorf("make the function: %w", err)
	}
	r := &route{
		function: f,
		deadline: setup.Deadline,
		client: nethttp.Transport{
			DialContext:         dial,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1,
		},
	}
	for _, endpoint := range targets {
		p, err := newPost(&r.client, endpoint)
		if err != nil {
			return nil, err
		}
		r.posts = append(r.posts, p)
	}
	for _, p := range r.posts {
		if err := p.greet(ctx); err != nil {
			_ = r.Close()
			return nil, err
		}
	}
	return r, nil
}

// route is a function and an HTTP client.
type route struct {
	function *function.Source
	client   nethttp.Transport
	posts    []*post
	deadline time.Duration
}

func (r *route) Prepare(spec payloads.Spec) (uint64, error) { return r.function.Prepare(spec) }

func (r *route) Send(handoff *transport.Handoff) error {
	if len(handoff.Deliveries) != len(r.posts) {
		handoff.Deliveries = make([]transport.Delivery, len(r.posts))
	}
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

	ctx := context.Background()
	if r.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.deadline)
		defer cancel()
	}
	var others sync.WaitGroup
	for i := 1; i < len(r.posts); i++ {
		others.Go(func() { r.posts[i].send(ctx, wire, &handoff.Deliveries[i]) })
	}
	r.posts[0].send(ctx, wire, &handoff.Deliveries[0])
	others.Wait()
	return nil
}

// Close closes the connections.
func (r *route) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// post is the way to one target. It is used by one goroutine at a time.
type post struct {
	client *nethttp.Transport
	// request is copied for each use.
	request nethttp.Request
	body    *body
	// reply has room for one byte too many, which shows a reply that is too long.
	reply [function.ReplyLimit + 1]byte
}

func newPost(client *nethttp.Transport, endpoint transport.Endpoint) (*post, error) {
	if endpoint.Transport != name || endpoint.Network != "tcp" {
		return nil, fmt.Errorf("endpoint %s of transport %q over %q: it must be one of %s over tcp", endpoint.Address, endpoint.Transport, endpoint.Network, name)
	}
	if _, _, err := net.SplitHostPort(endpoint.Address); err != nil {
		return nil, fmt.Errorf("address of an endpoint: %w", err)
	}
	if len(endpoint.Nonce) != nonceSize {
		return nil, fmt.Errorf("endpoint %s has a nonce of %d bytes, not %d", endpoint.Address, len(endpoint.Nonce), nonceSize)
	}
	return &post{
		client: client,
		body:   newBody(),
		request: nethttp.Request{
			URL:  &url.URL{Scheme: "http", Host: endpoint.Address, Path: "/"},
			Host: endpoint.Address,
			Header: nethttp.Header{
				"Authorization": {bearer(endpoint.Nonce)},
				"Content-Type":  {"application/octet-stream"},
				// Without it net/http sends its own name.
				"User-Agent": nil,
			},
		},
	}, nil
}

// bearer is the Authorization header by which a target knows its source; see RFC 6750,
// section 2.1.
func bearer(nonce []byte) string { return "Bearer " + hex.EncodeToString(nonce) }

// greet asks whether the target is ready, which leaves a connection open.
func (p *post) greet(ctx context.Context) error {
	request := p.request.WithContext(ctx)
	request.Method = nethttp.MethodGet
	_, err := p.exchange(request)
	return err
}

// send posts wire and fills the delivery in. When it returns nothing refers to wire.
func (p *post) send(ctx context.Context, wire []byte, d *transport.Delivery) {
	request := p.request.WithContext(ctx)
	request.Method = nethttp.MethodPost
	request.ContentLength = int64(len(wire))
	p.body.open(wire)
	request.Body = p.body
	reply, err := p.exchange(request)
	d.Timeline.Acknowledged = measure.Now()
	p.body.wait()
	if err != nil {
		// After a failure net/http may close a body once more, at any time.
		p.body = newBody()
		d.Err = err
		return
	}
	d.Timeline.Received = reply.Received
	d.Timeline.CopiedIn = reply.Received
	d.Timeline.Delivered = reply.Delivered
	d.Timeline.Consumed = reply.Consumed
	d.Length, d.Digest, d.Usage = reply.Length, reply.Digest, reply.Usage
}

// exchange sends a request and reads the whole reply. It trusts nothing: a page that says
// 404, or some other server's 200, is an error.
func (p *post) exchange(request *nethttp.Request) (function.Reply, error) {
	response, err := p.client.RoundTrip(request)
	if err != nil {
		return function.Reply{}, p.explain("send", err)
	}
	n, err := io.ReadFull(response.Body, p.reply[:])
	// The body has been read to its end, or there is an error that ends the connection.
	_ = response.Body.Close()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return function.Reply{}, p.explain("read the reply", err)
	}
	reply, err := function.ParseReply(p.reply[:n])
	switch {
	case err == nil && reply.Failure != "":
		return reply, fmt.Errorf("target %s answered %s: %s", request.Host, response.Status, reply.Failure)
	case response.StatusCode != nethttp.StatusOK:
		return reply, fmt.Errorf("target %s answered %s (is a function of %s listening there?)", request.Host, response.Status, name)
	case err != nil:
		return reply, fmt.Errorf("target %s answered %s, but %w", request.Host, response.Status, err)
	}
	return reply, nil
}

func (p *post) explain(step string, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: target %s did not answer before the deadline: %w (a longer deadline may help)", step, p.request.Host, err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: target %s closed the connection: %w", step, p.request.Host, err)
	}
	return fmt.Errorf("%s: target %s: %w", step, p.request.Host, err)
}
