package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/transport"
)

// rawConnect is a peer that has not said anything yet.
func rawConnect(t *testing.T, endpoint transport.Endpoint) *socket {
	t.Helper()
	connection, err := net.Dial(endpoint.Network, endpoint.Address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := detach(connection, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.setTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustDial(t *testing.T, endpoint transport.Endpoint) *socket {
	t.Helper()
	s, err := dial(context.Background(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.setTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return s
}

// mustWork shows that a target still serves honest sources.
func mustWork(t *testing.T, endpoint transport.Endpoint) {
	t.Helper()
	fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 10 * time.Second}, endpoint)
	defer mustClose(t, fan)
	p := payload(100_000, 3)
	var handoff transport.Handoff
	fan.Send(p, &handoff)
	checkDelivery(t, &handoff.Deliveries[0], p)
}

// helloOf is a hello that proves an endpoint's nonce.
func helloOf(endpoint transport.Endpoint) []byte {
	proof, _ := transport.Prove(endpoint.Nonce)
	return appendMessage(nil, 0, proof[:])
}

// altered is a hello with one byte changed.
func altered(hello []byte, at int) []byte {
	hello[at] ^= 1
	return hello
}

func TestUnprovenConnectionsAreClosed(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}, Deadline: 10 * time.Second})
		defer mustClose(t, l)
		malformed := make([]byte, 1<<16)
		_, _ = rand.Read(malformed)
		replayed := helloOf(endpoint)
		for _, test := range []struct {
			name  string
			words []byte
			want  verdict
		}{
			{"says nothing", nil, verdictVersion},
			{"http", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat(" ", helloSize)), verdictVersion},
			{"random bytes", malformed, verdictVersion},
			{"half a hello", helloOf(endpoint)[:helloSize/2], verdictVersion},
			{"wrong challenge", altered(helloOf(endpoint), 8), verdictUnproven},
			{"wrong proof", altered(helloOf(endpoint), helloSize-1), verdictUnproven},
			{"another nonce", helloOf(transport.Endpoint{Nonce: transport.NewNonce()}), verdictUnproven},
			{"no nonce", helloOf(transport.Endpoint{}), verdictUnproven},
			{"another version", altered(helloOf(endpoint), 4), verdictVersion},
			{"right once", replayed, verdictWelcome},
			{"replayed", replayed, verdictUnproven},
		} {
			s := rawConnect(t, endpoint)
			_ = s.writeFull(test.words, 0)
			_ = unix.Shutdown(s.fd, unix.SHUT_WR)
			var in [verdictSize]byte
			if err := s.readFull(in[:], 0); err == nil {
				if code, _, err := parseMessage(in[:]); err != nil || verdict(code) != test.want {
					t.Errorf("%s: verdict %v %v", test.name, code, err)
				}
			} else if test.want == verdictWelcome {
				t.Errorf("%s: %v", test.name, err)
			}
			s.close()
			mustWork(t, endpoint)
		}
	})
}

// Connections that keep silent keep no source out, and are gone after the handshake's deadline.
func TestSilentConnections(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}, Deadline: 10 * time.Second})
		defer mustClose(t, l)
		// On a busy machine they may be gone before the honest source has even come.
		for tries := 5; ; tries-- {
			var silent []*socket
			for range 84 {
				silent = append(silent, rawConnect(t, endpoint))
			}
			mustWork(t, endpoint)
			_, _, err := unix.Recvfrom(silent[len(silent)-1].fd, make([]byte, 1), unix.MSG_DONTWAIT)
			waited := err != unix.EAGAIN
			for _, s := range silent {
				if endpoint.Network == "tcp" {
					s.close() // the kernel has not told the listener of it
					continue
				}
				if err := s.readFull(make([]byte, 1), 0); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("a silent peer is still connected: %v", err)
				}
				s.close()
			}
			if !waited {
				return
			}
			if tries == 1 {
				t.Fatal("an honest source waits until silent peers are gone")
			}
		}
	})
}

func frame(sequence, length uint64) []byte {
	var out [headerSize]byte
	header{sequence: sequence, length: length}.encode(&out)
	return out[:]
}

// A source that is known may still go mad or die: the target drops it, frees what it held
// and serves the next one.
func TestMadSource(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		b := &buffer{}
		l, endpoint := mustServe(t, address, Service{Receiver: b, Limit: 1 << 20, Deadline: time.Second})
		defer mustClose(t, l)
		for _, test := range []struct {
			name  string
			words []byte
			// silent keeps the connection open without a word.
			silent bool
			want   string
		}{
			{"malformed", bytes.Repeat([]byte{7}, headerSize), false, "frame header starts with"},
			{"flags", append(append([]byte{}, frame(1, 8)[:4]...), bytes.Repeat([]byte{9}, headerSize-4)...), false, "unknown flags"},
			{"length 0", frame(1, 0), false, "announces 0 bytes"},
			{"length 2^63", frame(1, 1<<63), false, "announces 9223372036854775808 bytes"},
			{"length 2^64-1", frame(1, 1<<64-1), false, "announces 18446744073709551615 bytes"},
			{"dies before a header", nil, false, ""},
			{"dies in the header", frame(1, 8)[:9], false, ""},
			{"dies before the payload", frame(1, 1<<20), false, "closed the connection"},
			{"dies in the payload", append(frame(1, 1<<20), make([]byte, 100_000)...), false, "closed the connection"},
			{"dies in a refused payload", append(frame(1, 2<<20), make([]byte, 100_000)...), false, ""},
			{"stops in the header", frame(1, 8)[:9], true, ""},
			{"stops in the payload", append(frame(1, 1<<20), make([]byte, 100_000)...), true, "did not go on in time"},
		} {
			s := mustDial(t, endpoint)
			if err := s.writeFull(test.words, 0); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if !test.silent {
				_ = unix.Shutdown(s.fd, unix.SHUT_WR)
			}
			said := make([]byte, 4096)
			n := 0
			for {
				m, err := unix.Read(s.fd, said[n:])
				if err == unix.EINTR {
					continue
				}
				if m <= 0 {
					if err == unix.EAGAIN {
						t.Errorf("%s: the target keeps the connection", test.name)
					}
					break
				}
				n += m
			}
			if !strings.Contains(string(said[:n]), test.want) {
				t.Errorf("%s: the target said %q, want %q in it", test.name, said[:n], test.want)
			}
			s.close()
			mustWork(t, endpoint)
		}
		if live := b.live.Load(); live != 0 {
			t.Errorf("%d places were not released", live)
		}
	})
}

// A source that sends drop by drop is bounded as a whole.
func TestDripping(t *testing.T) {
	b := &buffer{}
	l, endpoint := mustServe(t, "", Service{Receiver: b, Deadline: time.Second})
	defer mustClose(t, l)
	s := mustDial(t, endpoint)
	defer s.close()
	if err := s.writeFull(frame(1, 1<<20), 0); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if unix.Send(s.fd, []byte{1}, unix.MSG_NOSIGNAL) != nil {
			mustWork(t, endpoint)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the target still listens")
}

// fakeTarget is a listener in the test's hands: it does the handshake with the endpoint's
// nonce, unless the test wants another, and then what the test wants.
func fakeTarget(t *testing.T, address string, after func(*Listener, net.Conn)) transport.Endpoint {
	t.Helper()
	l, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		connection, err := l.listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
		after(l, connection)
	}()
	t.Cleanup(func() {
		mustClose(t, l)
		<-done
	})
	return l.Endpoint("test")
}

func TestMadListener(t *testing.T) {
	garbled := make([]byte, verdictSize)
	_, _ = rand.Read(garbled)
	outsider := appendMessage(nil, uint16(verdictWelcome), make([]byte, transport.AnswerSize))
	for _, test := range []struct {
		name  string
		words []byte
		want  string
	}{
		{"closes", nil, "did not answer"},
		{"closes in the verdict", outsider[:20], "after 20 of"},
		{"random bytes", garbled, "does not speak this protocol"},
		{"another version", altered(bytes.Clone(outsider), 4), "run the same program on both sides"},
		{"unknown verdict", altered(bytes.Clone(outsider), 7), "verdict 256 is unknown"},
		{"an impostor", outsider, "does not know the endpoint's nonce"},
	} {
		endpoint := fakeTarget(t, "", func(_ *Listener, c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, int64(helloSize))
			_, _ = c.Write(test.words)
		})
		if fan, err := OpenFan(context.Background(), []transport.Endpoint{endpoint}, FanOptions{Transport: "test"}); err == nil {
			mustClose(t, fan)
			t.Errorf("%s: opened", test.name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %q, want %q in it", test.name, err, test.want)
		}
	}
}

// A listener that keeps silent ends Open when its context ends.
func TestMuteListener(t *testing.T) {
	released := make(chan struct{})
	endpoint := fakeTarget(t, "", func(*Listener, net.Conn) { <-released })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := OpenFan(ctx, []transport.Endpoint{endpoint}, FanOptions{Transport: "test"})
	close(released)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

// A target that dies or goes mad at any point of a hand-off is a failure of that delivery.
func TestMadTarget(t *testing.T) {
	answer := func(e envelope, text string) []byte {
		var d transport.Delivery
		if text != "" {
			d.Err = errors.New(text)
		}
		return d.AppendTo(e.appendTo(nil))
	}
	endless := answer(envelope{sequence: 1}, "")
	endless[envelopeSize+6] = 1
	const size = 4 << 20
	for _, test := range []struct {
		name string
		read int
		say  []byte
		want string
	}{
		{"dies at once", 0, nil, ""},
		{"dies in the payload", 1 << 20, nil, "closed the connection"},
		{"dies after the payload", headerSize + size, nil, "wait for the target's acknowledgement"},
		{"dies in the answer", headerSize + size, answer(envelope{sequence: 1}, "")[:50], "after 50 of 144 bytes"},
		{"dies in the text", headerSize + size, answer(envelope{sequence: 1, status: statusFailed}, strings.Repeat("abc", 10))[:answerSize+3], "after 3 of 30 bytes"},
		{"random bytes", headerSize + size, bytes.Repeat([]byte{1}, answerSize), "answer starts with"},
		{"endless text", headerSize + size, endless, "65536 bytes of text"},
		{"unknown status", headerSize + size, answer(envelope{sequence: 1, status: 99}, ""), "unknown status 99"},
		{"another sequence", headerSize + size, answer(envelope{sequence: 2}, ""), "hand-off 2 came instead of that to 1"},
		{"stops reading, with a word", 1 << 20, answer(envelope{status: statusMalformed}, "too\nmuch!"), "too much!"},
	} {
		overEach(t, func(t *testing.T, address string) {
			endpoint := fakeTarget(t, address, func(l *Listener, c net.Conn) {
				if _, answer, err := l.handshake(c); err != nil || sendVerdict(c, verdictWelcome, answer) != nil {
					return
				}
				_, _ = io.CopyN(io.Discard, c, int64(test.read))
				_, _ = c.Write(test.say)
			})
			fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 10 * time.Second}, endpoint)
			var handoff transport.Handoff
			if closed := fan.Send(make([]byte, size), &handoff); closed != 1 {
				t.Errorf("%s: %d connections closed", test.name, closed)
			}
			if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error is %v, want %q in it", test.name, err, test.want)
			}
			mustClose(t, fan)
		})
	}
}

// A target that stops reading lets the source's deadline pass.
func TestStalledTarget(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		released := make(chan struct{})
		endpoint := fakeTarget(t, address, func(l *Listener, c net.Conn) {
			if _, answer, err := l.handshake(c); err == nil && sendVerdict(c, verdictWelcome, answer) == nil {
				<-released
			}
		})
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 100 * time.Millisecond}, endpoint)
		var handoff transport.Handoff
		fan.Send(make([]byte, 64<<20), &handoff)
		if err := handoff.Deliveries[0].Err; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		close(released)
		mustClose(t, fan)
	})
}

// Reads and writes survive signals.
func TestSignals(t *testing.T) {
	overEach(t, func(t *testing.T, address string) {
		l, endpoint := mustServe(t, address, Service{Receiver: &buffer{}, Deadline: 20 * time.Second})
		defer mustClose(t, l)
		fan := mustOpen(t, FanOptions{Transport: "test", Deadline: 20 * time.Second}, endpoint)
		defer mustClose(t, fan)
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					// Go answers SIGURG in whichever thread takes it; a blocked one
					// returns with EINTR, since its socket has a time-out (signal(7)).
					_ = unix.Kill(os.Getpid(), unix.SIGURG)
					time.Sleep(20 * time.Microsecond)
				}
			}
		}()
		p := payload(1<<20, 1)
		var handoff transport.Handoff
		for range 10 {
			fan.Send(p, &handoff)
			checkDelivery(t, &handoff.Deliveries[0], p)
		}
		close(stop)
		<-stopped
	})
}

func TestEndOfStream(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := &socket{fd: pair[0]}, &socket{fd: pair[1]}
	defer b.close()
	if err := a.writeFull([]byte("abc"), 0); err != nil {
		t.Fatal(err)
	}
	a.close()
	a.close()
	a.Interrupt()
	if err := b.readFull(make([]byte, 5), 0); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "after 3 of 5 bytes") {
		t.Error(err)
	}
	if _, err := b.await(make([]byte, 5), nil, 0); err != io.EOF {
		t.Error(err)
	}
}
