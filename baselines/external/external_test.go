package external

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rrbench/baselines/function"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setupOf(codec transport.Codec, kind payloads.Kind, size int64, address string) transport.Setup {
	return transport.Setup{
		Engine: transport.NativeEngine, Codec: codec, Payload: kind, Size: size, Fanout: 1,
		Deadline: 10 * time.Second, Parameter: address,
	}
}

// serve is a function as a user would write it.
func serve(t *testing.T, handler nethttp.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// honest takes a payload by the protocol alone: it knows nothing but the request.
func honest(w nethttp.ResponseWriter, r *nethttp.Request) {
	var reply transport.Delivery
	setup := setupOf(transport.Codec(r.Header.Get("Rrbench-Codec")), payloads.Kind(r.Header.Get("Rrbench-Payload")), r.ContentLength, "")
	target, err := function.NewTarget(setup)
	if err == nil {
		buffer, _ := target.Buffer(r.ContentLength) // as long as in the setup
		_, err = io.ReadFull(r.Body, buffer)
	}
	if err == nil {
		err = target.Handle(&reply)
	}
	if err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintf(w, `{"length":%d,"digest":"%016x","greetings":"yes"}`, reply.Length, reply.Digest)
}

func open(t *testing.T, setup transport.Setup) transport.Route {
	t.Helper()
	var endpoints []transport.Endpoint
	for range setup.Fanout {
		endpoints = append(endpoints, transporttest.Serving(t, New(), setup).Endpoint())
	}
	return transporttest.Opening(t, New(), setup, endpoints...)
}

// exchange sends a payload and checks each delivery.
func exchange(t *testing.T, route transport.Route, setup transport.Setup, seed uint64) {
	t.Helper()
	var handoff transport.Handoff
	transporttest.HandOver(t, route, payloads.Spec{Kind: setup.Payload, Seed: seed, Size: setup.Size}, &handoff)
	for i := range handoff.Deliveries {
		d := &handoff.Deliveries[i]
		if d.Timeline.Received != d.Timeline.Acknowledged || d.Timeline.Consumed != d.Timeline.Acknowledged {
			t.Errorf("target %d: a moment of the target is known: %+v", i, d.Timeline)
		}
		if d.Usage != (measure.Usage{}) {
			t.Errorf("target %d: usage of a process that is not measured: %+v", i, d.Usage)
		}
	}
}

// send sends what was prepared and returns how the only delivery failed.
func send(t *testing.T, route transport.Route) (transport.Delivery, error) {
	t.Helper()
	var handoff transport.Handoff
	transporttest.MustSend(t, route, &handoff)
	return handoff.Deliveries[0], handoff.Deliveries[0].Err
}

// checkError wants an error of one line with certain words.
func checkError(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, want := range want {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want %q in one line", err, want)
		}
	}
}

func TestConformance(t *testing.T) {
	transporttest.Run(t, New, transporttest.Options{Parameter: serve(t, honest).URL, Allocates: true})
}

// The targets of a fan-out are posted to at the same time, on connections that stay.
func TestFanout(t *testing.T) {
	const fanout = 5
	var under, most, connections atomic.Int32
	together := make(chan struct{})
	server := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
			if n == fanout {
				close(together)
			}
		}
		select {
		case <-together:
		case <-r.Context().Done():
		}
		honest(w, r)
		under.Add(-1)
	}))
	server.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
		if state == nethttp.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	setup := setupOf(transport.Raw, payloads.Text, 1<<20, server.URL)
	setup.Fanout = fanout
	route := open(t, setup)
	for seed := range uint64(10) {
		exchange(t, route, setup, seed)
	}
	if most.Load() != fanout || connections.Load() > fanout {
		t.Errorf("%d at once over %d connections, want %d over as many", most.Load(), connections.Load(), fanout)
	}
}

func TestHTTPSAndNames(t *testing.T) {
	server := httptest.NewUnstartedServer(nethttp.HandlerFunc(honest))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	setup := setupOf(transport.Raw, payloads.Text, 1000, server.URL)
	_, err := New().Open(t.Context(), setup, []transport.Endpoint{{Transport: Name, Address: server.URL}})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of an unknown issuer: %v", err)
	}
	plain := serve(t, honest)
	setup = setupOf(transport.Raw, payloads.Text, 1000, strings.Replace(plain.URL, "127.0.0.1", "localhost", 1)+"/deep/path?with=query")
	exchange(t, open(t, setup), setup, 1)
}

// A failure while a payload is under way is the delivery's error; the route goes on.
func TestFailures(t *testing.T) {
	// Little enough for a server to read what its handler has left unread, so that its answer
	// is not lost in a reset connection.
	const size = 128 << 10
	answer := func(status int, text string) nethttp.HandlerFunc {
		return func(w nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	hangUp := func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		connection, _, err := w.(nethttp.Hijacker).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	}
	for name, test := range map[string]struct {
		behave nethttp.HandlerFunc
		want   string
	}{
		"404":          {nethttp.NotFound, `answered 404 Not Found "404 page not found" (is the path right? --url)`},
		"500":          {answer(500, "out of\nmemory\n"), `answered 500 Internal Server Error "out of memory"`},
		"413 at once":  {func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(nethttp.StatusRequestEntityTooLarge) }, "raise its limit"},
		"redirection":  {nethttp.RedirectHandler("/elsewhere", nethttp.StatusTemporaryRedirect).ServeHTTP, `points to "/elsewhere"`},
		"a page":       {answer(200, "<html>welcome</html>"), `"<html>welcome</html>": it must be {"length"`},
		"nothing":      {answer(200, ""), `answered 200 OK: it must be {"length"`},
		"half of it":   {answer(200, `{"length":1048576}`), `it must be {"length"`},
		"no number":    {answer(200, `{"length":-1,"digest":"0000000000000000"}`), `it must be {"length"`},
		"short digest": {answer(200, `{"length":1048576,"digest":"ab"}`), `it must be {"length"`},
		"no hex":       {answer(200, `{"length":1048576,"digest":"0x00000000000000"}`), `it must be {"length"`},
		"too long":     {answer(200, `{"length":1,`+strings.Repeat(" ", 5000)), "longer than 4096 bytes"},
		"hang-up":      {hangUp, ""},
		"deadline": {func(_ nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, "before the deadline"},
		"never reading": {func(_ nethttp.ResponseWriter, r *nethttp.Request) { time.Sleep(1500 * time.Millisecond) }, "before the deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failing atomic.Bool
			server := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				if failing.Load() {
					test.behave(w, r)
					return
				}
				honest(w, r)
			})
			setup := setupOf(transport.Raw, payloads.Text, size, server.URL)
			if strings.Contains(test.want, "deadline") {
				setup.Deadline = time.Second
			}
			route := open(t, setup)
			exchange(t, route, setup, 1)
			failing.Store(true)
			_, err := send(t, route)
			checkError(t, err, test.want)
			failing.Store(false)
			setup.Deadline = 10 * time.Second
			exchange(t, route, setup, 2)
		})
	}
}

// An answer that ends early is none, whatever it contains so far.
func TestAnswersThatEndEarly(t *testing.T) {
	const whole = `{"length":8388608,"digest":"0123456789abcdef"}`
	for name, test := range map[string]struct {
		answer string
		want   []string
	}{
		"before its length":   {"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + whole, []string{"200 OK", "incomplete after 46 of 60 bytes"}},
		"inside JSON":         {"HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n" + whole[:20], []string{"200 OK", "incomplete after 20 of 46 bytes"}},
		"before a chunk":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2e\r\n" + whole + "\r\n", []string{"200 OK", "incomplete after 46 bytes"}},
		"without any length":  {"HTTP/1.1 200 OK\r\n\r\n" + whole[:20], []string{"200 OK", "the answer is incomplete"}},
		"with another status": {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 60\r\n\r\nsleeping", []string{`503 Service Unavailable "sleeping"`}},
		"in its header":       {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n", []string{"closed the connection"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := sendTo(t, func(connection net.Conn, r *nethttp.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(connection, test.answer)
			})
			checkError(t, err, test.want...)
		})
	}
}

// A function that refuses a payload before it has read it, and closes, resets the connection.
func TestAnswersBeforeThePayload(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n":                                      "413 Payload Too Large (raise its limit",
		"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\nso":                                    `413 Payload Too Large "so" (raise its limit`,
		"HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n" + `{"length":8388608,"digest":"0123456789abcdef"}`: "before it had the whole payload",
		"": "connection",
	} {
		for range 3 {
			err := sendTo(t, func(connection net.Conn, _ *nethttp.Request) { _, _ = io.WriteString(connection, answer) })
			checkError(t, err, want)
		}
	}
}

// sendTo sends a payload to a function that answers it as it likes and closes the connection.
func sendTo(t *testing.T, answer func(net.Conn, *nethttp.Request)) error {
	t.Helper()
	const size = 8 << 20 // more than the sockets hold
	server := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.ContentLength != size {
			honest(w, r)
			return
		}
		connection, _, err := w.(nethttp.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		answer(connection, r)
		_ = connection.Close()
	})
	route := open(t, setupOf(transport.Raw, payloads.Text, size, server.URL))
	transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size})
	_, err := send(t, route)
	return err
}

// A wrong length or digest is reported as it was answered: the sender compares.
func TestAnswersAreReportedAsTheyAre(t *testing.T) {
	server := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.ContentLength == greetingSize {
			honest(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"length":7,"digest":"00000000000000FF"}`)
	})
	setup := setupOf(transport.Raw, payloads.Text, 1000, server.URL)
	route := open(t, setup)
	transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000})
	if d, err := send(t, route); err != nil || d.Length != 7 || d.Digest != 0xff {
		t.Errorf("%+v", d)
	}
}

func TestOpenRefuses(t *testing.T) {
	closed := httptest.NewServer(nethttp.NotFoundHandler())
	closed.Close()
	nowhere := serve(t, nethttp.NotFound)
	liar := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		_, _ = io.WriteString(w, `{"length":64,"digest":"0000000000000001"}`)
	})
	short := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		_, _ = io.WriteString(w, `{"length":63,"digest":"0000000000000001"}`)
	})
	silent := serve(t, func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	for _, test := range []struct{ address, want string }{
		{closed.URL, "connection refused"},
		{nowhere.URL, "404 Not Found"},
		{liar.URL, "answers the digest 0000000000000001, right is"},
		{short.URL, "it got 63 bytes"},
		{silent.URL, "before the deadline"},
		{strings.Replace(nowhere.URL, "http:", "https:", 1), "does not look like a TLS handshake"},
		{"http://function.invalid/", "function.invalid"},
		{"", "must begin with http"},
	} {
		setup := setupOf(transport.Raw, payloads.Text, 1000, test.address)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		route, err := New().Open(ctx, setup, []transport.Endpoint{{Transport: Name, Address: test.address}})
		cancel()
		if err == nil {
			_ = route.Close()
			t.Errorf("%s was opened", test.address)
		} else {
			checkError(t, err, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:8080/path":      "",
		"https://function.example":        "",
		"http://[::1]:80/?a=b":            "",
		"":                                "must begin with http",
		"127.0.0.1:8080":                  "http",
		"localhost:8080/path":             "must begin with http",
		"ftp://host/":                     "must begin with http",
		"http://":                         "names no host",
		"http://:80/":                     "names no host",
		"http://host:99999/":              "port 99999",
		"http://host:0/":                  "port 0",
		"http://host:port/":               "invalid port",
		"http://me:secret@127.0.0.1:8080": "leave out user and password",
		"http://a b/":                     "invalid character",
	} {
		_, err := parse(address)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", address, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", address, err, want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("the error shows the password: %v", err)
		}
	}
	if _, _, err := New().Info().Parameter.Resolve("nonsense"); err == nil {
		t.Error("nonsense is a URL")
	}
}

// FuzzAnswer parses what some server may answer.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"length":1048576,"digest":"ef4cd8ef24353a1d"}`))
	f.Add([]byte(`{"length":1e3,"digest":"+f4cd8ef24353a1d"}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		length, digest, err := parseAnswer(body)
		if err != nil && (length != 0 || digest != 0) {
			t.Errorf("%d and %x beside %v", length, digest, err)
		}
		if text := excerpt(body); strings.Contains(text, "\n") || len(text) > 1000 {
			t.Errorf("excerpt %s", text)
		}
	})
}
