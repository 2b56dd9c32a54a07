package external

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"strconv"

	"rrbench/baselines/http"
	"rrbench/foreign"
	"rrbench/payloads"
	"rrbench/transport"
)

// Headers that describe the body to the function; docs/external.md names them.
const (
	headerCodec   = "Rrbench-Codec"
	headerPayload = "Rrbench-Payload"
)

const (
	// replyLimit is the longest answer, in bytes: two numbers need less.
	replyLimit = 4096
	// greetingSize is the payload by which the function is tried beforehand, in bytes.
	greetingSize = 64
)

// Open implements transport.Transport. Every target has answered rightly to a small
// payload when it returns, which leaves as many connections open as there are targets.
func (URL) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	// For functions that look at nothing else.
	contentType := "application/json"
	if setup.Codec == transport.Raw {
		contentType = "application/octet-stream"
	}
	peers := make([]http.Peer, len(targets))
	for i, endpoint := range targets {
		if endpoint.Transport != Name {
			return nil, fmt.Errorf("endpoint %s of transport %q: it must be one of %s", endpoint.Address, endpoint.Transport, Name)
		}
		address, err := parse(endpoint.Address)
		if err != nil {
			return nil, err
		}
		peers[i] = http.Peer{
			URL: address,
			Header: nethttp.Header{
				"Content-Type": {contentType},
				headerCodec:    {string(setup.Codec)},
				headerPayload:  {string(setup.Payload)},
			},
			ReplyLimit: replyLimit,
			Answer:     answered,
		}
	}
	route, err := http.NewRoute(setup, peers)
	if err != nil {
		return nil, err
	}
	if err := greet(ctx, route, setup.Payload, len(targets)); err != nil {
		_ = route.Close()
		return nil, fmt.Errorf("try the function with %d bytes: %w", greetingSize, err)
	}
	return route, nil
}

// greet sends a small payload to all targets at once, so that each gets a connection.
func greet(ctx context.Context, route *http.Route, kind payloads.Kind, targets int) error {
	spec := payloads.Spec{Kind: kind, Seed: 1, Size: greetingSize}
	digest, err := spec.Digest(), route.Prepare(spec)
	if err != nil {
		return err
	}
	handoff := transport.Handoff{Deliveries: make([]transport.Delivery, targets)}
	if err := route.SendWithin(ctx, &handoff); err != nil {
		return err
	}
	for i := range handoff.Deliveries {
		d := &handoff.Deliveries[i]
		switch {
		case d.Err != nil:
			return d.Err
		case d.Length != greetingSize:
			return fmt.Errorf("it answers that it got %d bytes", d.Length)
		case d.Digest != digest:
			return fmt.Errorf("it answers the digest %016x, right is %016x (docs/external.md tells how to compute it)", d.Digest, digest)
		}
	}
	return nil
}

// answered takes the function's reply. The function's moments are unknown, except that all of them
// lie before the answer.
func answered(response *nethttp.Response, body []byte, d *transport.Delivery) error {
	where := response.Request.URL.Redacted()
	if response.StatusCode != nethttp.StatusOK {
		return fmt.Errorf("%s answered %s%s%s", where, response.Status, excerpt(body), hint(response))
	}
	length, digest, err := parseAnswer(body)
	if err != nil {
		return fmt.Errorf("%s answered %s%s: %w", where, response.Status, excerpt(body), err)
	}
	d.Length, d.Digest = length, digest
	t := &d.Timeline
	t.Received, t.CopiedIn, t.Delivered, t.Consumed = t.Acknowledged, t.Acknowledged, t.Acknowledged, t.Acknowledged
	return nil
}

// hint is the remedy for a status, where there is one.
func hint(response *nethttp.Response) string {
	switch code := response.StatusCode; {
	case code == nethttp.StatusNotFound:
		return " (is the path right? --url)"
	case code >= 300 && code < 400:
		return fmt.Sprintf(" and points to %.200q (redirections are not followed: give the address itself, --url)", response.Header.Get("Location"))
	case code == nethttp.StatusRequestEntityTooLarge:
		return " (raise its limit of a body's length, or give smaller --sizes)"
	}
	return ""
}

// excerpt is the beginning of a text that some server wrote, on one line.
func excerpt(body []byte) string {
	if text := foreign.Line(string(body), 80); text != "" {
		return fmt.Sprintf(" %q", text)
	}
	return ""
}

// parseAnswer reads {"length":…,"digest":"…"}. Other members are ignored.
func parseAnswer(body []byte) (length, digest uint64, err error) {
	if len(body) > replyLimit {
		return 0, 0, fmt.Errorf("the answer is longer than %d bytes", replyLimit)
	}
	var answer struct {
		Length *uint64 `json:"length"`
		Digest *string `json:"digest"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Length == nil || answer.Digest == nil {
		if json.NewDecoder(bytes.NewReader(body)).Decode(&answer) == io.ErrUnexpectedEOF {
			return 0, 0, fmt.Errorf("the answer is incomplete: %w", errAnswer)
		}
		return 0, 0, errAnswer
	}
	if digest, err = strconv.ParseUint(*answer.Digest, 16, 64); err != nil || len(*answer.Digest) != 16 {
		return 0, 0, errAnswer
	}
	return *answer.Length, digest, nil
}

var errAnswer = errors.New(`it must be {"length":BYTES,"digest":"16 hexadecimal digits"}, see docs/external.md`)
