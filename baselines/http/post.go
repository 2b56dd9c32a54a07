package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	nethttp "net/http"
	"time"

	"rrbench/measure"
	"rrbench/transport"
)

// post sends to one peer. One goroutine at a time uses it.
type post struct {
	Peer
	client *nethttp.Transport
	// request is copied for each use.
	request nethttp.Request
	// broken is why the connection was given up.
	broken error
	body   *body
	// reply has room for one byte too many, which shows a reply that is too long.
	reply []byte
}

func newPost(client *nethttp.Transport, peer Peer) *post {
	header := maps.Clone(peer.Header)
	// Without it net/http sends its own name.
	header["User-Agent"] = nil
	return &post{
		Peer:    peer,
		client:  client,
		body:    newBody(),
		request: nethttp.Request{URL: peer.URL, Host: peer.URL.Host, Header: header},
		reply:   make([]byte, peer.ReplyLimit+1),
	}
}

// greetTimeout is the least that a peer has to answer the first time.
const greetTimeout = 5 * time.Second

// greeting marks the context of a request that may open a connection to a peer with a nonce.
type greeting struct{}

// errUnproven is why a payload is not sent: the connection that it needs is no longer there.
// Net/http closes one without a failure whose writing goroutine has not come to an end 50 ms
// after the reply, as on a busy machine.
var errUnproven = errors.New("the connection has ended")

// greet asks whether the peer is ready, which leaves a connection open on which both sides
// have proven that they know the nonce. It returns what the peer's process has used since it
// answered the last time.
func (p *post) greet(ctx context.Context, timeout time.Duration) (measure.Usage, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, greeting{}, true), timeout)
	defer cancel()
	request := p.request.WithContext(ctx)
	request.Method = nethttp.MethodGet
	request.Header = p.request.Header.Clone()
	expected := prove(request.Header, p.Nonce)
	var d transport.Delivery
	response, err := p.exchange(request, &d)
	if err == nil {
		err = checkAnswer(response.Header, expected)
	}
	return d.Usage, err
}

// reconnect greets a peer again whose connection was given up. It is no part of a hand-off.
func (p *post) reconnect(deadline time.Duration) {
	if p.broken == nil || p.Nonce == nil {
		return
	}
	_, p.broken = p.greet(context.Background(), cmp.Or(max(deadline, 0), greetTimeout))
}

// send posts wire and fills the delivery in. When it returns nothing refers to wire.
func (p *post) send(ctx context.Context, wire []byte, d *transport.Delivery) {
	if p.broken != nil && p.Nonce != nil {
		d.Err = p.broken
		return
	}
	d.Err = p.post(ctx, wire, d)
	for errors.Is(d.Err, errUnproven) {
		var used measure.Usage
		if used, d.Err = p.greet(ctx, greetTimeout); d.Err == nil {
			d.Err = p.post(ctx, wire, d)
		}
		d.Usage = d.Usage.Add(used)
	}
	if d.Err != nil {
		// After a failure net/http may close a body once more, at any time.
		p.body = newBody()
		p.broken = d.Err
	}
}

func (p *post) post(ctx context.Context, wire []byte, d *transport.Delivery) error {
	request := p.request.WithContext(ctx)
	request.Method = nethttp.MethodPost
	request.ContentLength = int64(len(wire))
	p.body.open(wire)
	request.Body = p.body
	_, err := p.exchange(request, d)
	if p.body.wait(); err == nil && p.body.cut != nil {
		err = fmt.Errorf("target %s answered before it had the whole payload: %w", p.request.Host, p.body.cut)
	}
	return err
}

// exchange sends a request and reads the whole reply.
func (p *post) exchange(request *nethttp.Request, d *transport.Delivery) (*nethttp.Response, error) {
	response, err := p.client.RoundTrip(request)
	if err != nil {
		d.Timeline.Acknowledged = measure.Now()
		return nil, p.explain("send", err)
	}
	n, err := readReply(response.Body, p.reply)
	d.Timeline.Acknowledged = measure.Now()
	// The body has been read to its end, or there is an error that ends the connection.
	_ = response.Body.Close()
	if err != nil && response.StatusCode == nethttp.StatusOK {
		announced := ""
		if response.ContentLength >= 0 {
			announced = fmt.Sprintf(" of %d", response.ContentLength)
		}
		return nil, p.explain(fmt.Sprintf("read the reply (%s, incomplete after %d%s bytes)", response.Status, n, announced), err)
	}
	// The status of a refusal is enough where its body is incomplete.
	return response, p.Answer(response, p.reply[:n], d)
}

// readReply reads to the end of a reply or of into. A reply that ends before its announced
// length or its last chunk is io.ErrUnexpectedEOF, which io.ReadFull returns for a short one, too.
func readReply(reply io.Reader, into []byte) (n int, err error) {
	for n < len(into) && err == nil {
		var more int
		more, err = reply.Read(into[n:])
		n += more
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func (p *post) explain(step string, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: target %s did not answer before the deadline: %w (a longer deadline may help)", step, p.request.Host, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: target %s closed the connection: %w", step, p.request.Host, err)
	}
	return fmt.Errorf("%s: target %s: %w", step, p.request.Host, err)
}
