package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// impostor is a server that greets like a target, and then does with each payload's
// connection what it likes.
func impostor(t *testing.T, behave func(*net.TCPConn, *nethttp.Request)) transport.Endpoint {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nonce := transport.NewNonce()
	admission := transport.NewAdmission(nonce)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			connection := accepted.(*net.TCPConn)
			from := bufio.NewReader(connection)
			for {
				request, err := nethttp.ReadRequest(from)
				if err != nil {
					break
				}
				if request.Method == nethttp.MethodGet {
					header := make(nethttp.Header)
					if err := admit(admission, request.Header, header); err != nil {
						t.Error(err)
					}
					fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", answerField, header.Get(answerField), transport.DeliverySize, (&transport.Delivery{}).AppendTo(nil))
					continue
				}
				behave(connection, request)
				break
			}
			_ = connection.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return transport.Endpoint{Transport: "http/native", Network: "tcp", Address: listener.Addr().String(), Nonce: nonce}
}

// answering reads the whole body and answers with text.
func answering(text string) func(*net.TCPConn, *nethttp.Request) {
	return func(connection *net.TCPConn, request *nethttp.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		_, _ = io.WriteString(connection, text)
	}
}

func TestRouteTrustsNoAnswer(t *testing.T) {
	const size = 8 << 20
	success := (&transport.Delivery{Timeline: transport.Timeline{Received: 1, CopiedIn: 1, Delivered: 2, Consumed: 3}, Length: size}).AppendTo(nil)
	failure := (&transport.Delivery{Err: errors.New("no memory left")}).AppendTo(nil)
	with := func(status string, body []byte) func(*net.TCPConn, *nethttp.Request) {
		return answering(fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body))
	}
	hang := make(chan struct{})
	defer close(hang)
	for _, test := range []struct {
		name   string
		behave func(*net.TCPConn, *nethttp.Request)
		want   string
	}{
		{"404 page", with("404 Not Found", []byte("<html>404")), "answered 404 Not Found (is a function"},
		{"404 with a perfect reply", with("404 Not Found", success), "answered 404 Not Found (is a function"},
		{"500 with a reason", with("500 Internal Server Error", failure), "no memory left"},
		{"200 with a failure", with("200 OK", failure), "no memory left"},
		{"200 page", with("200 OK", []byte("<html>"+strings.Repeat("x", 100))), "no delivery of this protocol"},
		{"200 and nothing", with("200 OK", nil), "no delivery of this protocol"},
		{"200, too long", with("200 OK", append(success, 0)), "followed by 1 others"},
		{"200, endless", with("200 OK", make([]byte, 1<<20)), "no delivery of this protocol"},
		{"302", answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), "answered 302 Found"},
		{"reply cut short", answering("HTTP/1.1 200 OK\r\nContent-Length: 120\r\n\r\nRRD1"), "200 OK, incomplete after 4 of 120 bytes"},
		{"no HTTP", answering("RRD1 and so on\r\n\r\n"), "malformed HTTP"},
		{"closes after the body", answering(""), "closed the connection"},
		{"closes half-way", func(connection *net.TCPConn, request *nethttp.Request) {
			_, _ = io.CopyN(io.Discard, request.Body, size/2)
		}, "target 127.0.0.1"},
		{"is killed half-way", func(connection *net.TCPConn, request *nethttp.Request) {
			_, _ = io.CopyN(io.Discard, request.Body, size/2)
			_ = connection.SetLinger(0) // A reset, as the kernel sends for unread data.
		}, "target 127.0.0.1"},
		{"answers before the body's end, and hangs", func(connection *net.TCPConn, request *nethttp.Request) {
			_, _ = io.WriteString(connection, "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n")
			<-hang
		}, "answered 413"},
		{"stops reading", func(connection *net.TCPConn, request *nethttp.Request) { <-hang }, "before the deadline"},
		{"never answers", func(connection *net.TCPConn, request *nethttp.Request) {
			_, _ = io.Copy(io.Discard, request.Body)
			<-hang
		}, "before the deadline"},
	} {
		t.Run(test.name, func(t *testing.T) {
			setup := setupOf(transport.Raw, payloads.Text, size)
			honest := transporttest.Serving(t, New(), setup)
			if strings.Contains(test.want, "deadline") {
				setup.Deadline = time.Second
			}
			release := make(chan struct{})
			endpoint := impostor(t, func(connection *net.TCPConn, request *nethttp.Request) {
				ended := make(chan struct{})
				go func() { defer close(ended); test.behave(connection, request) }()
				select {
				case <-ended:
				case <-release:
				}
			})
			defer close(release)
			route := transporttest.Opening(t, New(), setup, honest.Endpoint(), endpoint)
			var handoff transport.Handoff
			digest := transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size})
			transporttest.MustSend(t, route, &handoff)
			transporttest.CheckDelivery(t, &handoff, 0, size, digest)
			err := handoff.Deliveries[1].Err
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error is %v, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has more than one line: %q", err)
			}
			if strings.Contains(test.want, "deadline") && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error is not about a deadline: %v", err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 100)
	target := transporttest.Serving(t, New(), setup)
	page := httptest.NewServer(nethttp.NotFoundHandler())
	defer page.Close()

	with := func(change func(*transport.Endpoint)) transport.Endpoint {
		endpoint := target.Endpoint()
		change(&endpoint)
		return endpoint
	}
	for _, test := range []struct {
		endpoint transport.Endpoint
		want     string
	}{
		{with(func(e *transport.Endpoint) { e.Nonce = transport.NewNonce() }), "answered 401 Unauthorized: the proof is not of this endpoint's nonce"},
		{with(func(e *transport.Endpoint) { e.Address = "nowhere" }), "missing port"},
		{with(func(e *transport.Endpoint) { e.Address = page.Listener.Addr().String() }), "answered 404 Not Found (is a function"},
	} {
		route, err := New().Open(context.Background(), setup, []transport.Endpoint{test.endpoint})
		if err == nil {
			_ = route.Close()
			t.Errorf("%+v was reached", test.endpoint)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("error is %q, want %q in it", err, test.want)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New().Open(cancelled, setup, []transport.Endpoint{target.Endpoint()}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func TestSilentPeer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	peer, err := native{name: "http/native"}.peerOf(transport.Endpoint{Transport: "http/native", Network: "tcp", Address: listener.Addr().String(), Nonce: transport.NewNonce()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRoute(setupOf(transport.Raw, payloads.Text, 100), []Peer{peer})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.posts[0].greet(t.Context(), time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not answer before the deadline") {
		t.Errorf("error is %v", err)
	}
}

// Net/http may give a connection up after a hand-off that succeeded: the next one needs no
// preparation to get another.
func TestConnectionIsGivenUp(t *testing.T) {
	const size = 1 << 20
	setup := setupOf(transport.Raw, payloads.Text, size)
	route := transporttest.Opening(t, New(), setup, transporttest.Serving(t, New(), setup).Endpoint())
	digest := transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size})
	for range 3 {
		var handoff transport.Handoff
		transporttest.MustSend(t, route, &handoff)
		transporttest.CheckDelivery(t, &handoff, 0, size, digest)
		route.(*Route).client.CloseIdleConnections()
	}
}

// Requests do not go through the environment's proxy: it would be measured too.
func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	setup := setupOf(transport.Raw, payloads.Text, 100)
	transporttest.Opening(t, New(), setup, transporttest.Serving(t, New(), setup).Endpoint())
}

// A target that comes back under the same address is reached again: each request stands
// alone.
func TestRouteRecovers(t *testing.T) {
	setup := setupOf(transport.Raw, payloads.Text, 1<<20)
	fail := true
	endpoint := impostor(t, func(connection *net.TCPConn, request *nethttp.Request) {
		if fail {
			fail = false
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		reply := transport.Delivery{Timeline: transport.Timeline{Received: 1, CopiedIn: 1, Delivered: 1, Consumed: 1}, Length: 1 << 20}
		fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", transport.DeliverySize, reply.AppendTo(nil))
	})
	route := transporttest.Opening(t, New(), setup, endpoint)
	transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20})
	var handoff transport.Handoff
	transporttest.MustSend(t, route, &handoff)
	if handoff.Deliveries[0].Err == nil {
		t.Error("a closed connection delivered")
	}
	transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20})
	transporttest.MustSend(t, route, &handoff)
	if d := &handoff.Deliveries[0]; d.Err != nil || d.Length != 1<<20 {
		t.Errorf("%d bytes, %v", d.Length, d.Err)
	}
}
