package wasi

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rrbench/engines/wasip1"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestRefusals(t *testing.T) {
	good := setupOf("wazero", transport.Raw, payloads.Text, 1000)
	good.Guest = "http-c"
	for _, test := range []struct {
		change func(*transport.Setup)
		want   string
	}{
		{func(s *transport.Setup) { s.Guest = "rust" }, "guest rust: http/wasi runs http-go and http-c alone for the codec raw: leave --guest out"},
		{func(s *transport.Setup) { s.Guest = "./own.wasm" }, "guest ./own.wasm: http/wasi runs"},
		{func(s *transport.Setup) { s.Codec = transport.JSON }, "guest http-c: http/wasi runs http-go alone for the codec json: leave --guest out, or use --codecs raw"},
		{func(s *transport.Setup) { s.Codec = transport.None }, `codec "none" or payload "text" is unknown`},
		{func(s *transport.Setup) { s.Guest, s.Codec = "c", transport.None }, `codec "none" or payload "text" is unknown`},
		{func(s *transport.Setup) { s.Payload = "music" }, `payload "music" is unknown`},
		{func(s *transport.Setup) { s.Size = 1 << 40 }, "there is no memory for a payload of 1099511627776 bytes"},
	} {
		setup := good
		test.change(&setup)
		if target, err := New().Serve(t.Context(), setup); err == nil {
			t.Errorf("%+v is served", setup)
			_ = target.Close()
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", setup, err, test.want)
		}
	}
	for _, address := range []string{"nowhere", "::1", "localhost", "203.0.113.1"} {
		setup := good
		setup.Address = address
		if target, err := New().Serve(t.Context(), setup); err == nil {
			t.Errorf("listens on %s", address)
			_ = target.Close()
		}
	}
	endpoint := transporttest.Serving(t, New(), good).Endpoint()
	for _, change := range []func(*transport.Endpoint){
		func(e *transport.Endpoint) { e.Address = "nowhere" },
		func(e *transport.Endpoint) { e.Address = "[::1]:80" },
	} {
		bad := endpoint
		change(&bad)
		if route, err := New().Open(t.Context(), good, []transport.Endpoint{bad}); err == nil {
			t.Errorf("%+v is opened", bad)
			_ = route.Close()
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if target, err := New().Serve(cancelled, good); !errors.Is(err, context.Canceled) {
		t.Errorf("served after all: %v", err)
		_ = target.Close()
	}
}

// peer is a target that is no guest: it lets a source in, and takes no payload.
func peer(t *testing.T, post nethttp.HandlerFunc) transport.Endpoint {
	t.Helper()
	nonce := transport.NewNonce()
	admission := transport.NewAdmission(nonce)
	server := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if digits, ok := strings.CutPrefix(r.Header.Get("Authorization"), "rrbench "); ok {
			proof, _ := hex.DecodeString(digits)
			answer, err := admission.Admit(proof)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Authentication-Info", hex.EncodeToString(answer[:]))
		}
		if r.Method == nethttp.MethodPost {
			post(w, r)
			return
		}
		_, _ = w.Write((&transport.Delivery{}).AppendTo(nil))
	}))
	// A server does not see that a source has hung up while a body is unread.
	ctx, end := context.WithCancel(context.Background())
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(func() {
		end()
		server.CloseClientConnections()
		server.Close()
	})
	return transport.Endpoint{Transport: Name, Network: "tcp", Address: server.Listener.Addr().String(), Nonce: nonce}
}

func TestPeersThatMisbehave(t *testing.T) {
	// Sockets do not hold a long payload of which nothing is read.
	const short, long = 1000, 24 << 20
	for name, test := range map[string]struct {
		post nethttp.HandlerFunc
		want string
		size int64
	}{
		"other page": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			nethttp.NotFound(w, r)
		}, "answered 404 Not Found (is a function of ", long},
		"other reply": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = io.WriteString(w, "hello")
		}, "answered 200 OK, but it is no delivery of this protocol", long},
		"early refusal": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			w.Header().Set("Connection", "close")
			w.WriteHeader(nethttp.StatusTeapot)
			_, _ = w.Write((&transport.Delivery{Err: errors.New("not today")}).AppendTo(nil))
			// What is still on its way resets the connection: only a short payload gets the answer.
		}, "answered 418 I'm a teapot: not today", short},
		"long reply": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = w.Write(make([]byte, 100_000))
		}, "", long},
		"disorder": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = w.Write((&transport.Delivery{Timeline: transport.Timeline{Received: 3, CopiedIn: 3, Delivered: 2, Consumed: 1}}).AppendTo(nil))
		}, "answered 200 OK, but", short},
		"silence": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, "did not answer before the deadline", short},
		"deafness": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			<-r.Context().Done()
		}, "did not answer before the deadline", long},
		"hanging up": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			panic(nethttp.ErrAbortHandler)
		}, "", long},
	} {
		t.Run(name, func(t *testing.T) {
			waits := strings.Contains(test.want, "deadline")
			if waits {
				t.Parallel()
			}
			eachGuest(t, func(t *testing.T, setup transport.Setup) {
				if waits {
					t.Parallel()
				}
				setup.Size, setup.Deadline = test.size, 2*time.Second
				bad, good := peer(t, test.post), transporttest.Serving(t, New(), setup).Endpoint()
				route := transporttest.Opening(t, New(), setup, bad, good)
				digest := transporttest.Prepare(t, route, payloads.Spec{Kind: setup.Payload, Seed: 1, Size: setup.Size})
				var handoff transport.Handoff
				for range 2 {
					transporttest.MustSend(t, route, &handoff)
					if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), test.want) {
						t.Errorf("error is %v, want %q", err, test.want)
					}
					transporttest.CheckDelivery(t, &handoff, 1, setup.Size, digest)
				}
			})
		})
	}
}

// The wait for a source that sends nothing, or stops in the middle, ends at the deadline.
func TestSilentSource(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		t.Parallel()
		setup.Deadline = 100 * time.Millisecond
		endpoint := transporttest.Serving(t, New(), setup).Endpoint()
		for _, text := range []string{"POST / HT", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"} {
			connection, err := net.Dial("tcp", endpoint.Address)
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
	})
}

// A set-up does not wait for a peer that accepts and sends nothing.
func TestSilentTarget(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	endpoint := transport.Endpoint{Transport: Name, Network: "tcp", Address: listener.Addr().String(), Nonce: transport.NewNonce()}
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		t.Parallel()
		setup.Deadline = 200 * time.Millisecond
		if route, err := New().Open(t.Context(), setup, []transport.Endpoint{endpoint}); err == nil {
			t.Error("opened")
			_ = route.Close()
		} else {
			t.Log(err)
		}
		setup.Deadline = 0
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if route, err := New().Open(ctx, setup, []transport.Endpoint{endpoint}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
			if err == nil {
				_ = route.Close()
			}
		}
	})
}

// A guest that runs out of memory fails its hand-off with that reason, whichever half it is,
// and harms no other guest.
func TestGuestsWithoutMemory(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		setup.Codec, setup.Size = transport.JSON, 12<<20
		little := Guests{memoryLimit: 40 << 20}
		want := "out of memory"
		if setup.Guest == "http-c" {
			setup.Codec, little.memoryLimit, want = transport.Raw, 8<<20, "there is no memory for a payload of 12582912 bytes"
		}
		failing, err := little.Serve(t.Context(), setup)
		if err != nil {
			if setup.Guest != "http-c" || !strings.Contains(err.Error(), want) {
				t.Error(err)
			}
		} else {
			route := transporttest.Opening(t, New(), setup, failing.Endpoint(), transporttest.Serving(t, New(), setup).Endpoint())
			digest := transporttest.Prepare(t, route, payloads.Spec{Kind: setup.Payload, Seed: 1, Size: setup.Size})
			var handoff transport.Handoff
			transporttest.MustSend(t, route, &handoff)
			for i := 0; i < 5 && handoff.Deliveries[0].Err == nil; i++ {
				// Garbage has to pile up first.
				transporttest.MustSend(t, route, &handoff)
			}
			for range 2 {
				if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error is %v", err)
				}
				transporttest.CheckDelivery(t, &handoff, 1, setup.Size, digest)
				transporttest.MustSend(t, route, &handoff)
			}
			if err := failing.Close(); err != nil {
				t.Error(err)
			}
		}

		endpoint := transporttest.Serving(t, New(), setup).Endpoint()
		setup.Size = 64
		source, err := little.Open(t.Context(), setup, []transport.Endpoint{endpoint})
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		if err := source.Prepare(payloads.Spec{Kind: setup.Payload, Seed: 1, Size: 512 << 20}); err == nil || !strings.Contains(err.Error(), "memory") {
			t.Errorf("error is %v", err)
		}
	})
}

// The host bounds a function's time even when the guest's own clock would let it wait.
func TestGuestBeyondItsDeadline(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		target := transporttest.Serving(t, New(), setup)
		opened := transporttest.Opening(t, New(), setup, target.Endpoint()).(*route)
		transporttest.Prepare(t, opened, payloads.Spec{Kind: setup.Payload, Seed: 1, Size: setup.Size})
		opened.deadline = time.Nanosecond - leastBeyond
		// One hand-off may be over before the guest has to wait.
		var err error
		for end := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(end); {
			var handoff transport.Handoff
			err = opened.Send(&handoff)
		}
		if !errors.Is(err, wasip1.ErrDeadline) {
			t.Errorf("error is %v", err)
		}
		if again := opened.Send(&transport.Handoff{}); again == nil {
			t.Error("a guest that was cut off was called again")
		}
	})
}
