package http

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// authorizationOf is the header field that proves a nonce.
func authorizationOf(nonce []byte) string {
	header := make(nethttp.Header)
	prove(header, nonce)
	return proofField + ": " + header.Get(proofField) + "\r\n"
}

// request writes text to the target and returns the answer.
func request(t *testing.T, endpoint transport.Endpoint, text string) (status int, reply string) {
	t.Helper()
	connection, err := net.Dial(endpoint.Network, endpoint.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	response, err := nethttp.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var d transport.Delivery
	if err := d.Answer(body); err == nil && d.Err != nil {
		return response.StatusCode, d.Err.Error()
	}
	return response.StatusCode, string(body)
}

func TestTargetRefuses(t *testing.T) {
	setup := setupOf(transport.JSON, payloads.Text, 1000)
	setup.Deadline = 300 * time.Millisecond
	target := transporttest.Serving(t, New(), setup)
	route := transporttest.Opening(t, New(), setup, target.Endpoint())
	authorization := func() string { return authorizationOf(target.Endpoint().Nonce) }
	good := authorization()
	const host = " HTTP/1.1\r\nHost: x\r\n"
	for _, test := range []struct {
		name, request string
		status        int
		want          string
	}{
		{"no token", "POST /" + host + "Content-Length: 2\r\n\r\n{}", 401, "proof"},
		{"wrong token", "POST /" + host + authorizationOf(transport.NewNonce()) + "Content-Length: 2\r\n\r\n{}", 401, "proof"},
		{"half a token", "POST /" + host + good[:40] + "\r\nContent-Length: 2\r\n\r\n{}", 401, "proof"},
		{"wrong path", "POST /other" + host + authorization() + "Content-Length: 2\r\n\r\n{}", 404, `no function at "/other"`},
		{"wrong method", "PUT /" + host + authorization() + "Content-Length: 2\r\n\r\n{}", 405, "use POST"},
		{"no length", "POST /" + host + authorization() + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411, "length"},
		{"empty", "POST /" + host + authorization() + "Content-Length: 0\r\n\r\n", 413, "0 bytes"},
		{"too long", "POST /" + host + authorization() + "Content-Length: 12097\r\n\r\n{}", 413, "longer than the 12096"},
		{"far too long", "POST /" + host + authorization() + "Content-Length: 9000000000000000000\r\n\r\n{}", 413, "longer than"},
		{"absurd length", "POST /" + host + authorization() + "Content-Length: 99999999999999999999\r\n\r\n{}", 400, "Bad Request"},
		{"negative length", "POST /" + host + authorization() + "Content-Length: -1\r\n\r\n{}", 400, "Bad Request"},
		{"late body", "POST /" + host + authorization() + "Content-Length: 3\r\n\r\n{}", 400, "received 2 of 3 bytes"},
		{"malformed", "POST /" + host + authorization() + "Content-Length: 2\r\n\r\n{]", 422, "deserialize 2 bytes"},
		{"long header", "POST /" + host + authorization() + "X: " + strings.Repeat("x", 3*headerLimit) + "\r\n\r\n", 431, ""},
		{"no HTTP", "\x16\x03\x01\r\n\r\n", 400, ""},
	} {
		status, reply := request(t, target.Endpoint(), test.request)
		if status != test.status || !strings.Contains(reply, test.want) {
			t.Errorf("%s: %d %q, want %d with %q", test.name, status, reply, test.status, test.want)
		}
	}
	// The function is none the worse for it.
	var handoff transport.Handoff
	transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000}, &handoff)
}

// The wait for a source that sends nothing, or stops in the middle, ends at the deadline.
func TestSilentSource(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 1000)
	setup.Deadline = 100 * time.Millisecond
	target := transporttest.Serving(t, New(), setup)
	for _, text := range []string{
		"POST / HT",
		fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1000\r\n\r\nhalf", authorizationOf(target.Endpoint().Nonce)),
	} {
		connection, err := net.Dial("tcp", target.Endpoint().Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, text); err != nil {
			t.Fatal(err)
		}
		_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, connection); err != nil {
			t.Errorf("after %q: %v", text, err)
		}
		_ = connection.Close()
	}
}

// Close waits for no source, idle or in the middle of a payload.
func TestCloseEndsConnections(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 1000)
	setup.Deadline = 0
	target, err := New().Serve(context.Background(), setup)
	if err != nil {
		t.Fatal(err)
	}
	route := transporttest.Opening(t, New(), setup, target.Endpoint())
	connection, err := net.Dial("tcp", target.Endpoint().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1000\r\n\r\nhalf", authorizationOf(target.Endpoint().Nonce))
	for range 2 {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, connection); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error(err)
	}
	transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000})
	var handoff transport.Handoff
	transporttest.MustSend(t, route, &handoff)
	if handoff.Deliveries[0].Err == nil {
		t.Error("a closed target took a payload")
	}
	if _, err := net.Dial("tcp", target.Endpoint().Address); err == nil {
		t.Error("a closed target listens")
	}
}

// A function takes one object at a time; a request that comes in between waits.
func TestRequestsTakeTurns(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 1000)
	target := transporttest.Serving(t, New(), setup)
	var sending sync.WaitGroup
	for source := range uint64(4) {
		route := transporttest.Opening(t, New(), setup, target.Endpoint())
		sending.Go(func() {
			var handoff transport.Handoff
			for round := range uint64(20) {
				transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: source<<32 + round, Size: 1000}, &handoff)
			}
		})
	}
	sending.Wait()
}
