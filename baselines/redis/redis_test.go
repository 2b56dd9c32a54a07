package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// parentVariable makes the test binary start a server at a host, with its directory in another one, print its
// process and its directory, and wait to be killed.
const parentVariable = "REDIS_TEST_PARENT"

func TestMain(m *testing.M) {
	if chosen, parent := os.LookupEnv(parentVariable); parent {
		waitToBeKilled(chosen)
	}
	if len(os.Args) > 1 && os.Args[1] == StandInCommand {
		if err := ServeStandIn(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	transporttest.Main(m, New(), NewPubSub(), NewLimit())
}

func setupOf(engine string, size int64, fanout int) transport.Setup {
	return transport.Setup{
		Engine: engine, Guest: "c", Codec: transport.Raw, Payload: payloads.Text,
		Size: size, Fanout: fanout, Deadline: 20 * time.Second,
	}
}

// variant is a transport with a parameter.
type variant struct {
	transport.Transport
	parameter string
}

func (v variant) setup(engine string, size int64, fanout int) transport.Setup {
	setup := setupOf(engine, size, fanout)
	setup.Parameter = v.parameter
	if v.Info().Runs == transport.NoFunction {
		setup.Engine, setup.Codec = transport.NativeEngine, transport.None
	}
	return setup
}

// variants are all ways to go through a private server.
var variants = map[string]variant{
	"redis over unix":        {New(), "unix"},
	"redis over tcp":         {New(), "tcp"},
	"redis/pubsub over unix": {NewPubSub(), ""},
	"redis/pubsub over tcp":  {NewPubSub(), "tcp"},
	"limit/redis over unix":  {NewLimit(), ""},
	"limit/redis over tcp":   {NewLimit(), "tcp"},
}

func forEach(t *testing.T, test func(t *testing.T, tr variant)) {
	for name, tr := range variants {
		t.Run(name, func(t *testing.T) {
			needServer(t)
			inOwnParent(t)
			before := transporttest.Descriptors(t)
			test(t, tr)
			transporttest.CheckDescriptors(t, before)
		})
	}
}

// inOwnParent makes directories of servers lie in one of the test's own, where none may be left when the test ends.
func inOwnParent(t *testing.T) {
	t.Helper()
	parent, err := os.MkdirTemp("/tmp", "redis-")
	if err != nil {
		t.Fatal(err)
	}
	ordinary := parents
	parents = func() []string { return []string{parent} }
	t.Cleanup(func() {
		parents = ordinary
		if err := os.Remove(parent); err != nil {
			t.Error(err)
		}
	})
}

func needServer(t testing.TB) {
	t.Helper()
	if !hasServer() {
		t.Skip("there is no redis-server on PATH (apt-get install redis-server)")
	}
	if _, _, err := New().Info().Parameter.Resolve("tcp"); err != nil {
		t.Skip(err)
	}
}

func TestContract(t *testing.T) {
	for name, tr := range variants {
		t.Run(name, func(t *testing.T) {
			needServer(t)
			inOwnParent(t)
			// Routes find a server that runs: every other test of this package starts one or more.
			chosen, err := tr.Transport.(through).choose(tr.parameter)
			if err != nil {
				t.Fatal(err)
			}
			s, err := use(t.Context(), chosen)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.release(); err != nil {
					t.Error(err)
				}
			}()
			if tr.parameter == overTCP {
				transporttest.Exercise(t, tr, tr.setup("wazero", 2_500_001, 3), false)
				return
			}
			options := transporttest.Options{Parameter: tr.parameter, Allocates: true}
			if tr.Info().Runs == transport.Wasm {
				options.Codecs = []transport.Codec{transport.Raw} // see TestSerializing
			}
			transporttest.Run(t, func() transport.Transport { return tr.Transport }, options)
		})
	}
}

// The server takes part: its CPU time is in the hand-offs, its memory is reported beside.
func TestServerIsAccounted(t *testing.T) {
	forEach(t, func(t *testing.T, tr variant) {
		const size = 16 << 20
		setup := tr.setup("wazero", size, 2)
		first, second := transporttest.Serve(t, tr, setup), transporttest.Serve(t, tr, setup)
		opened := transporttest.Open(t, tr, setup, first.Endpoint(), second.Endpoint())
		var handoff transport.Handoff
		pid := opened.(*route).sender.server.daemon.Process.Pid
		meter, err := measure.NewProcessMeter(pid)
		if err != nil {
			t.Fatal(err)
		}
		defer meter.Close()
		var reported measure.Usage
		for seed := range uint64(2) {
			transporttest.HandOver(t, opened, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &handoff)
			reported = reported.Add(handoff.Server)
		}
		used, err := meter.Take()
		if err != nil {
			t.Fatal(err)
		}
		if reported.CPU() < used.CPU()*9/10 {
			t.Errorf("hand-offs report %d ns of CPU time, the server alone used %d", reported.CPU(), used.CPU())
		}
		memory, err := opened.(transport.Served).Server().Memory()
		if err != nil || memory.RSSPeak < size || memory.PSSPeak < size {
			t.Errorf("the server's memory is %+v, %v", memory, err)
		}
		transporttest.MustClose(t, opened, first, second)
	})
}

// Routes of one process share a server, which ends with the last of them.
func TestRoutesShareServer(t *testing.T) {
	forEach(t, func(t *testing.T, tr variant) {
		setup := tr.setup("wazero", 1000, 1)
		targets := []transport.Target{transporttest.Serve(t, tr, setup), transporttest.Serve(t, tr, setup)}
		var routes []*route
		for _, target := range targets {
			routes = append(routes, transporttest.Open(t, tr, setup, target.Endpoint()).(*route))
		}
		s := routes[0].sender.server
		if s != routes[1].sender.server || routes[0].Server() != routes[1].Server() {
			t.Error("two routes have two servers")
		}
		var handoff transport.Handoff
		for seed := range uint64(3) {
			for _, r := range routes {
				transporttest.HandOver(t, r, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: 1000}, &handoff)
			}
		}
		transporttest.MustClose(t, routes[0])
		transporttest.HandOver(t, routes[1], payloads.Spec{Kind: payloads.Text, Seed: 9, Size: 1000}, &handoff)
		transporttest.MustClose(t, routes[1], targets[0], targets[1])
		if !s.daemon.HasEnded() {
			t.Error("the server runs on")
		}
	})
}

func TestRefusals(t *testing.T) {
	needServer(t)
	for _, tr := range []variant{{New(), ""}, {NewPubSub(), "tcp"}, {NewLimit(), ""}} {
		good := tr.setup("wazero", 1000, 1)
		target := transporttest.Serve(t, tr, good)
		for want, change := range map[string]func(*transport.Setup){
			"more than a value of the server holds: use at most 512MiB": func(s *transport.Setup) { s.Size = privateCapacity.value + 1 },
			"at least one":                                func(s *transport.Setup) { s.Size = 0 },
			`redis server "nowhere": give unix, tcp`:      func(s *transport.Setup) { s.Parameter = "nowhere" },
			"guest own.wasm: " + tr.Info().Name + " runs": func(s *transport.Setup) { s.Guest, s.Codec = "own.wasm", transport.JSON },
		} {
			setup := good
			if change(&setup); tr.Info().Runs == transport.NoFunction && setup.Codec == transport.JSON {
				continue
			}
			if served, err := tr.Serve(t.Context(), setup); err == nil {
				transporttest.MustClose(t, served)
				t.Errorf("%+v is served", setup)
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("error is %q, want %q in it", err, want)
			}
			if opened, err := tr.Open(t.Context(), setup, []transport.Endpoint{target.Endpoint()}); err == nil {
				transporttest.MustClose(t, opened)
				t.Errorf("%+v is opened", setup)
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("error is %q, want %q in it", err, want)
			}
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if opened, err := tr.Open(cancelled, good, []transport.Endpoint{target.Endpoint()}); err == nil {
			transporttest.MustClose(t, opened)
			t.Error("a route was opened with a cancelled context")
		}
		transporttest.MustClose(t, target)
	}
}

// A target that cannot take a payload answers why. The others get it, and all of them get
// the next one.
func TestOneTargetRefuses(t *testing.T) {
	forEach(t, func(t *testing.T, tr variant) {
		setup := tr.setup("wazero", 1000, 2)
		small := setup
		small.Size = 500
		targets := []transport.Target{transporttest.Serve(t, tr, setup), transporttest.Serve(t, tr, small)}
		opened := transporttest.Open(t, tr, setup, targets[0].Endpoint(), targets[1].Endpoint())
		var handoff transport.Handoff
		spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1000}
		digest, err := spec.Digest(), opened.Prepare(spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := opened.Send(&handoff); err != nil {
			t.Fatal(err)
		}
		if d := handoff.Deliveries[0]; d.Err != nil || d.Digest != digest {
			t.Errorf("digest %x, %v", d.Digest, d.Err)
		}
		if err := handoff.Deliveries[1].Err; err == nil || !strings.Contains(err.Error(), "longer than the 500 bytes agreed on") {
			t.Error(err)
		}
		transporttest.HandOver(t, opened, payloads.Spec{Kind: payloads.Text, Seed: 2, Size: 500}, &handoff)
		transporttest.MustClose(t, opened, targets[0], targets[1])
	})
}

func TestServerIsKilled(t *testing.T) {
	forEach(t, func(t *testing.T, tr variant) {
		setup := tr.setup("wazero", 8<<20, 1)
		target := transporttest.Serve(t, tr, setup)
		opened := transporttest.Open(t, tr, setup, target.Endpoint())
		var handoff transport.Handoff
		spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 8 << 20}
		transporttest.HandOver(t, opened, spec, &handoff)
		go opened.(*route).sender.server.daemon.Process.Kill()
		failed := func() error {
			if err := errors.Join(opened.Prepare(spec), opened.Send(&handoff)); err != nil {
				return err
			}
			return handoff.Deliveries[0].Err
		}
		var err error
		for err == nil {
			err = failed()
		}
		t.Log(err)
		// The next Send fails, too.
		if err = failed(); err == nil || !strings.Contains(err.Error(), "redis") {
			t.Error(err)
		}
		transporttest.MustClose(t, opened)
		// The next route has a new server.
		opened = transporttest.Open(t, tr, setup, target.Endpoint())
		transporttest.HandOver(t, opened, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 8 << 20}, &handoff)
		transporttest.MustClose(t, opened, target)
	})
}

// Without a redis-server the stand-in carries payloads, and its name is reported.
func TestStandIn(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, tr := range variants {
		info := tr.Info()
		if _, s, err := info.Parameter.Resolve(tr.parameter); err != nil || s == nil || s.Name != standInName || s.Remedy == "" {
			t.Errorf("%s: the stand-in is %+v", info.Name, s)
		}
		if _, s, err := info.Parameter.Resolve("localhost:6379"); err != nil || s != nil {
			t.Errorf("%s: %+v stands in for a user's server, %v", info.Name, s, err)
		}
		transporttest.Exercise(t, tr, tr.setup("wazero", 2_500_001, 2), false)
	}
	setup := setupOf("wazero", 1<<20, 1)
	target := transporttest.Serve(t, New(), setup)
	opened := transporttest.Open(t, New(), setup, target.Endpoint())
	var handoff transport.Handoff
	transporttest.HandOver(t, opened, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20}, &handoff)
	if handoff.Deliveries[0].Usage.CPU() == 0 {
		t.Error("what the stand-in did is not accounted")
	}
	if memory, err := opened.(transport.Served).Server().Memory(); err != nil || memory.RSSPeak < 1<<20 {
		t.Errorf("the stand-in's memory is %+v, %v", memory, err)
	}
	transporttest.MustClose(t, opened, target)
	by := exec.Command("/proc/self/exe", StandInCommand)
	if said, err := by.CombinedOutput(); err == nil || !strings.Contains(string(said), "it is started by rrbench itself") {
		t.Errorf("by hand it says %q, %v", said, err)
	}
}
