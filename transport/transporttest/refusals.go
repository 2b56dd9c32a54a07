package transporttest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
)

// A payload that is longer than was agreed on is refused, or arrives whole. Either way the
// next one arrives.
func testSizesBeyondTheSetup(t *testing.T, s *suite) {
	const size = 100_000
	c := s.connect(t, s.setup(size, 1))
	spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size + 1}
	if digest, err := spec.Digest(), c.Prepare(spec); err == nil {
		if err := c.Send(&c.handoff); err == nil {
			if d := &c.handoff.Deliveries[0]; d.Err == nil && (d.Length != size+1 || d.Digest != digest) {
				t.Errorf("of %d bytes %d arrived, with digest %x instead of %x", size+1, d.Length, d.Digest, digest)
			}
		}
	}
	for _, absurd := range []int64{0, -1} {
		spec.Size = absurd
		if err := c.Prepare(spec); err == nil {
			t.Errorf("a payload of %d bytes was prepared", absurd)
		}
	}
	spec.Size = size
	c.handOver(t, spec)
	c.end(t)
}

func testNothingPrepared(t *testing.T, s *suite) {
	c := s.connect(t, s.setup(1000, 1))
	if err := c.Send(&c.handoff); err == nil && c.handoff.Deliveries[0].Err == nil {
		t.Error("nothing was prepared, and sent")
	}
	c.handOver(t, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000})
	c.end(t)
}

// refused closes what was made after all, and wants an error of one line.
func refused(t *testing.T, made interface{ Close() error }, err error, what string) {
	t.Helper()
	switch {
	case err == nil:
		MustClose(t, made)
		t.Errorf("%s is not refused", what)
	case err.Error() == "" || strings.Contains(err.Error(), "\n"):
		t.Errorf("%s is refused by %q, which is no line", what, err)
	}
}

// Both halves refuse functions that the transport cannot have, and the target goes on.
func testSetups(t *testing.T, s *suite) {
	good := s.setup(1000, 1)
	var all []transport.Setup
	for _, codec := range []transport.Codec{transport.None, transport.Raw, transport.JSON, transport.JSONStd, "morse"} {
		if !slices.Contains(s.info.Codecs, codec) {
			bad := good
			bad.Codec = codec
			all = append(all, bad)
		}
	}
	if s.info.Runs == transport.Wasm {
		noGuest, noEngine := good, good
		noGuest.Guest, noEngine.Engine = "/nowhere.wasm", "steam"
		all = append(all, noGuest, noEngine)
	}
	c := s.connect(t, good)
	MustClose(t, c.Route)
	for _, bad := range all {
		if !s.info.Acknowledged {
			target, err := s.open().Serve(t.Context(), bad)
			refused(t, target, err, fmt.Sprintf("serving %+v", bad))
		}
		route, err := s.open().Open(t.Context(), bad, []transport.Endpoint{c.targets[0].Endpoint()})
		refused(t, route, err, fmt.Sprintf("opening %+v", bad))
	}
	c.Route = Open(t, s.open(), good, c.targets[0].Endpoint())
	c.handOver(t, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000})
	c.end(t)
}

// openRefuses has the source refuse an endpoint that was changed, beside one that is good.
func (s *suite) openRefuses(t *testing.T, changes map[string]func(*transport.Endpoint)) {
	t.Helper()
	setup := s.setup(1000, 2)
	targets := []transport.Target{Serve(t, s.open(), setup), Serve(t, s.open(), setup)}
	for what, change := range changes {
		endpoint := targets[1].Endpoint()
		change(&endpoint)
		route, err := s.open().Open(t.Context(), setup, []transport.Endpoint{targets[0].Endpoint(), endpoint})
		refused(t, route, err, what)
	}
	c := &connection{Route: Open(t, s.open(), setup, targets[0].Endpoint(), targets[1].Endpoint()), targets: targets}
	c.handOver(t, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000})
	c.end(t)
}

func testEndpoints(t *testing.T, s *suite) {
	setup := s.setup(1000, 1)
	route, err := s.open().Open(t.Context(), setup, nil)
	refused(t, route, err, "a route to nowhere")
	if target := Serve(t, s.open(), setup); !s.info.Acknowledged {
		endpoint := target.Endpoint()
		MustClose(t, target)
		route, err = s.open().Open(t.Context(), setup, []transport.Endpoint{endpoint})
		refused(t, route, err, "a closed target")
	}
	changes := map[string]func(*transport.Endpoint){
		"another transport's endpoint": func(e *transport.Endpoint) { e.Transport = "another/transport" },
		"another address":              func(e *transport.Endpoint) { e.Address = "@nowhere:1" },
	}
	if s.info.Hosting == transport.SeparateProcesses {
		changes["another network"] = func(e *transport.Endpoint) { e.Network = "udp" }
	}
	s.openRefuses(t, changes)
}

// No source reaches a target without its secret: the nonce, or within a process the address.
func testNonces(t *testing.T, s *suite) {
	target := Serve(t, s.open(), s.setup(1000, 1))
	endpoint := target.Endpoint()
	MustClose(t, target)
	if len(endpoint.Nonce) == 0 {
		if s.info.Hosting == transport.SeparateProcesses || len(endpoint.Address) < 20 {
			t.Errorf("endpoint %+v has no secret", endpoint)
		}
		return
	}
	s.openRefuses(t, map[string]func(*transport.Endpoint){
		"another nonce": func(e *transport.Endpoint) { e.Nonce = transport.NewNonce() },
		"half a nonce":  func(e *transport.Endpoint) { e.Nonce = e.Nonce[1:] },
		"no nonce":      func(e *transport.Endpoint) { e.Nonce = nil },
	})
}
