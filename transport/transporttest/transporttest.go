// Package transporttest is the conformance suite of package transport: a transport's own test
// calls Run. Targets are in this process or in processes of their own, as Main makes them.
// What is particular to a transport its package tests with the suite's parts.
package transporttest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
)

// New makes the transport under test, as a transport's package does.
type New func() transport.Transport

// Options say what the transport's Info does not.
type Options struct {
	// Guest and Parameter are those of every setup; the guest is "c" where none is given.
	Guest, Parameter string
	// Codecs are those that the guest has; all of the transport's where none is given.
	Codecs []transport.Codec
	// Allocates says that hand-offs go through what allocates memory, as net/http does.
	Allocates bool
}

// Run checks that a transport keeps the contract of package transport, on each engine that
// runs here. The test's Main must be this package's, for targets in processes of their own.
func Run(t *testing.T, open New, options Options) {
	info := open().Info()
	t.Run(info.Name, func(t *testing.T) {
		if err := open().Check(); err != nil {
			t.Skip(err)
		}
		engines := []string{transport.NativeEngine}
		if info.Runs == transport.Wasm {
			engines = slices.DeleteFunc(catalogue.Names(), func(name string) bool { return catalogue.Check(name) != nil })
		}
		for i, engine := range engines {
			s := &suite{open: open, info: info, options: options, engine: engine}
			t.Run(engine, func(t *testing.T) { s.run(t, i == 0) })
		}
	})
}

// suite is the suite for a transport on an engine.
type suite struct {
	open    New
	info    transport.Info
	options Options
	engine  string
}

// run runs the parts; what has nothing to do with engines only for the first. With -short, as under the race
// detector, what is not about goroutines is left out.
func (s *suite) run(t *testing.T, first bool) {
	apart := s.info.Hosting == transport.SeparateProcesses
	// The function of others cannot be closed, keeps no secret and has been tried with a payload.
	ours := !s.info.Acknowledged
	for _, part := range []struct {
		name    string
		run     func(*testing.T, *suite)
		applies bool
	}{
		{"payloads", testPayloads, true},
		{"payloads to processes", testPayloadsToProcesses, apart},
		{"targets that write", testTargetsThatWrite, !s.info.ReadsOnly && s.info.Origins == nil},
		{"origins", testOrigins, s.info.Origins != nil},
		{"several routes", testSeveralRoutes, true},
		{"several sources", testSeveralSources, s.info.FansIn && !slices.Contains(s.info.OneSource, s.options.Guest)},
		{"sources come and go", testSourcesComeAndGo, true},
		{"sizes beyond the setup", testSizesBeyondTheSetup, true},
		{"nothing prepared", testNothingPrepared, ours},
		{"setups", testSetups, true},
		{"endpoints", testEndpoints, true},
		{"nonces", testNonces, ours},
		{"closing", testClosing, true},
		{"target closes under way", testTargetCloses, ours},
		{"target is killed", testTargetIsKilled, apart},
		{"target stops", testTargetStops, apart && first},
		{"no allocation", testNoAllocation, !s.options.Allocates && !testing.Short()},
		{"no leak", testNoLeak, true},
	} {
		if !part.applies {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			before := Descriptors(t)
			part.run(t, s)
			CheckDescriptors(t, before)
		})
	}
}

// largest is the size of the largest payload, in bytes: more than pipes and the buffers of
// sockets hold, and no whole number of pages. The race detector looks at each word of it.
func largest() int64 {
	if testing.Short() {
		return 1<<20 + 1
	}
	return 5<<20 + 1
}

// codecs are those to test.
func (s *suite) codecs() []transport.Codec {
	if s.options.Codecs != nil {
		return s.options.Codecs
	}
	return s.info.Codecs
}

// setup is that of functions which hand over payloads of so many bytes as they are.
func (s *suite) setup(size int64, fanout int) transport.Setup {
	codec := transport.Raw
	if !slices.Contains(s.codecs(), codec) {
		codec = s.codecs()[0]
	}
	guest := s.options.Guest
	if guest == "" {
		guest = "c"
	}
	return transport.Setup{
		Engine: s.engine, Guest: guest, Codec: codec, Payload: payloads.Text, Size: size, Fanout: fanout,
		Deadline: 30 * time.Second, Parameter: s.options.Parameter,
	}
}

// connection is a route and its targets.
type connection struct {
	transport.Route
	targets []transport.Target
	handoff transport.Handoff
}

// connect opens a route to fresh targets, as many as the setup has.
func (s *suite) connect(t *testing.T, setup transport.Setup) *connection {
	t.Helper()
	c := &connection{}
	var endpoints []transport.Endpoint
	for range setup.Fanout {
		target := Serve(t, s.open(), setup)
		c.targets, endpoints = append(c.targets, target), append(endpoints, target.Endpoint())
	}
	c.Route = Open(t, s.open(), setup, endpoints...)
	return c
}

// handOver prepares and sends a payload. It returns the digest.
func (c *connection) handOver(t *testing.T, spec payloads.Spec) (digest uint64) {
	t.Helper()
	digest = HandOver(t, c.Route, spec, &c.handoff)
	if want := digestOf(spec); digest != want {
		t.Errorf("%+v was prepared with digest %x, not %x", spec, digest, want)
	}
	if len(c.handoff.Deliveries) != len(c.targets) {
		t.Fatalf("%d deliveries to %d targets", len(c.handoff.Deliveries), len(c.targets))
	}
	return digest
}

// digests are those of payloads, by their Spec: every transport and engine gets the same ones,
// and under the race detector a payload takes long to fill.
var digests sync.Map

func digestOf(spec payloads.Spec) uint64 {
	known, ok := digests.Load(spec)
	if !ok {
		flat := make([]byte, spec.Size)
		payloads.Fill(flat, spec.Kind, spec.Seed)
		known, _ = digests.LoadOrStore(spec, payloads.Digest(flat))
	}
	return known.(uint64)
}

func (c *connection) end(t *testing.T) {
	t.Helper()
	for _, target := range c.targets {
		MustClose(t, target)
	}
	MustClose(t, c.Route)
}

// MustClose closes what it is given, in that order.
func MustClose(t testing.TB, closers ...interface{ Close() error }) {
	t.Helper()
	for _, closer := range closers {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}
