package user

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"rrbench/memory"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads/hostile"
)

// beside is how much of a window is looked at behind a payload, in bytes: all of it takes long.
const beside = 8 << 20

// windowOf is the beginning of a function's window.
func windowOf(memoryOf []byte) []byte { return memoryOf[memory.WindowStart:][:beside] }

func zero(area []byte) bool { return bytes.Count(area, []byte{0}) == len(area) }

// TestWindowsAreApart has a source and a target that write into their windows whatever they like, at
// any time, beside the payload as well.
func TestWindowsAreApart(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		for _, origin := range []transport.Origin{transport.OriginBuffer, transport.OriginHost} {
			setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 3 << 20, Origin: origin}
			target := transporttest.Serving(t, NewRemap(), setup)
			route := openBy(t, NewRemap(), setup, target)
			there := route.targets[0].function
			seed := uint64(0)
			for _, size := range []int64{3 << 20, 3 << 20, 5000, 70_001, 3<<20 - 1, 4096, 3 << 20} {
				seed++
				handOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: size})
				if moved, copied := route.Moves(); moved != seed || copied != 0 {
					t.Fatalf("%s: moved %d times, copied %d times", engine, moved, copied)
				}
				if !zero(windowOf(there.Memory())[size:]) {
					t.Errorf("%s: the target sees more than the payload of %d bytes", engine, size)
				}
				// The source writes to what it has sent, the target to all that it can reach.
				payload := bytes.Clone(windowOf(there.Memory()))
				copy(windowOf(route.source.Memory()), bytes.Repeat([]byte{0xA5}, int(size)))
				if !bytes.Equal(payload, windowOf(there.Memory())) {
					t.Errorf("%s: the target sees what the source has written afterwards", engine)
				}
				copy(windowOf(there.Memory()), bytes.Repeat([]byte{0xB5}, beside))
				next := int64(4096 + seed*1000)
				if err := route.Recycle(next); err != nil {
					t.Fatal(err)
				}
				seen := windowOf(route.source.Memory())
				if origin == transport.OriginHost {
					seen = seen[next:] // the host fills the rest before the guest runs
				}
				if !zero(seen) || !zero(windowOf(there.Memory())) {
					t.Errorf("%s: something is left of what the target has written", engine)
				}
			}
		}
	}
}

// A payload that no window is long enough for comes after one that was to be in the window: what the
// host has not overwritten there is gone.
func TestLongerThanAWindow(t *testing.T) {
	transporttest.SmallBlocks(t)
	setup := transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None, Size: int64(memory.Window)}
	for _, by := range []transport.Transport{NewMemfd(), NewAdaptive(4096)} {
		both := openTo(t, by, setup, setup)
		for seed, size := range []int64{100_000, int64(memory.Window) + 1, int64(memory.Window), 3 * int64(memory.Window), 5000, 3 * int64(memory.Window)} {
			handOver(t, both, payloads.Spec{Kind: payloads.Bytes, Seed: uint64(seed), Size: size})
		}
	}
	route := openTo(t, NewRemap(), setup, setup)
	handOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: 100_000})
	if err := route.Recycle(50_000); err != nil {
		t.Fatal(err)
	}
	handOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: 2, Size: int64(memory.Window) + 1})
	if window := route.source.Memory()[memory.WindowStart:memory.WindowEnd()]; !zero(window) {
		t.Error("the source sees what a target may have written")
	}
}

// TestWindowTaken has a target that keeps what it gets: there is one payload a window, and what comes
// after it is copied.
func TestWindowTaken(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		for _, by := range []transport.Transport{NewRemap(), NewMemfd()} {
			const size = 1 << 20
			setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Origin: transport.OriginBuffer, Consume: transport.ConsumeWrite}
			keeper := setup
			keeper.Guest = hostile.Guest(t, "rewrite-keeps")
			route := openTo(t, by, setup, keeper)
			kept := func() []byte { return windowOf(route.targets[0].function.Memory())[:size] }
			for seed := range uint64(5) {
				handOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: size})
				if moved, copied := route.Moves(); by.Info().Name == remapName && (moved != 1 || copied != seed) {
					t.Errorf("%s: moved %d times, copied %d times", engine, moved, copied)
				}
				// It has overwritten what it keeps; the source's next payloads do not show in it, nor it in them.
				if bytes.Count(kept(), []byte{0xA3}) != size || bytes.IndexByte(windowOf(route.source.Memory()), 0xA3) >= 0 {
					t.Errorf("%s: what is kept has changed, or shows at the source", engine)
				}
			}
		}
	}
}

// TestShownIsHidden has a target with two sources: while its guest runs with what one has sent, the
// other is not suspended, so that its window does not show in the target's.
func TestShownIsHidden(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		const size = 1 << 20
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Origin: transport.OriginBuffer}
		target := transporttest.Serving(t, NewMemfd(), setup)
		first, second := openBy(t, NewMemfd(), setup, target), openBy(t, NewMemfd(), setup, target)
		if first.local == nil || second.local == nil {
			t.Fatalf("%s: pages are not shared", engine)
		}
		there := func() []byte { return windowOf(first.targets[0].function.Memory()) }
		for seed := range uint64(4) {
			handOver(t, first, payloads.Spec{Kind: payloads.Text, Seed: 2 * seed, Size: size})
			if !bytes.Equal(there(), windowOf(first.source.Memory())) {
				t.Errorf("%s: the target's window is not the source's", engine)
			}
			// That of both sizes is copied, the smaller one without Go code in between where the engine can.
			for range 2 {
				handOver(t, second, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: 1000 + 500*int64(seed%2)})
				if !zero(there()) {
					t.Errorf("%s: the target sees the other source's window", engine)
				}
				handOver(t, first, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: size - 5000})
			}
			handOver(t, second, payloads.Spec{Kind: payloads.Text, Seed: 2*seed + 1, Size: size})
			if !bytes.Equal(there(), windowOf(second.source.Memory())) {
				t.Errorf("%s: the target's window is not the other source's", engine)
			}
		}
		if shared := first.mover.shared.Load(); shared != 12 {
			t.Errorf("%s: shared %d times", engine, shared)
		}
	}
}

// TestWrittenTo has a target that writes to all that it gets: none of it reaches the source or the next payload, and
// user has the pages move from the second payload on.
func TestWrittenTo(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		for _, by := range []transport.Transport{NewMemfd(), NewAdaptive(4096), NewLearning(4096)} {
			const size = 1 << 20
			setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Origin: transport.OriginBuffer, Consume: transport.ConsumeWrite}
			route := openTo(t, by, setup, setup)
			for seed := range uint64(8) {
				spec := payloads.Spec{Kind: payloads.Text, Seed: seed, Size: size}
				handOver(t, route, spec)
				payload := make([]byte, size)
				payloads.Fill(payload, spec.Kind, spec.Seed)
				if sent := windowOf(route.source.Memory())[:size]; !bytes.Equal(sent, payload) && !zero(sent) {
					t.Errorf("%s, %s: the source sees what the target has written", by.Info().Name, engine)
				}
			}
			moved, shared := route.mover.moved.Load(), route.mover.shared.Load()
			if name := by.Info().Name; name == "user/memfd" && (moved != 0 || shared != 8) || name == adaptiveName && (shared == 0 || shared > 4) {
				t.Errorf("%s, %s: moved %d times, shared %d times", name, engine, moved, shared)
			}
		}
	}
}

// TestNoWindow has guests whose allocators give no window: payloads are handed over all the same, and
// the endpoint says why.
func TestNoWindow(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 1 << 20}
		for name, reason := range map[string]string{
			"allocate-zero": "allocate_memory returned 0", "allocate-outside": "not inside its memory", "allocate-traps": "unreachable",
			"allocate-wraps": "not inside", "allocate-same": "not inside",
		} {
			bad := setup
			bad.Guest = hostile.Guest(t, name)
			target := transporttest.Serving(t, NewRemap(), bad)
			if fact := target.Endpoint().Facts["pages"]; !strings.Contains(fact, "there is no window: ") || !strings.Contains(fact, reason) {
				t.Errorf("%s: pages %s", name, fact)
			}
			route := openBy(t, NewRemap(), setup, target)
			var handoff transport.Handoff
			if err := errors.Join(route.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20}), route.Send(&handoff)); err != nil {
				t.Fatal(err)
			}
			if moved, _ := route.Moves(); moved > 0 {
				t.Errorf("%s: pages moved", name)
			}
		}
	}
}

// TestLittleAddressSpace runs in a process of its own: memories begin where they can, and payloads are
// copied or move in blocks.
func TestLittleAddressSpace(t *testing.T) {
	if !modestest.InChild(t, nil) {
		return
	}
	engines := modestest.Engines(t)
	for _, engine := range engines {
		// The engine takes what it takes for itself.
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 9 << 20}
		handOver(t, openTo(t, NewCopy(), setup, setup), payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 100})
	}
	for _, engine := range engines {
		if engine != "wazero" && engine != "wasmtime" {
			continue // they reserve as much as they like
		}
		// Two memories fit, and another GiB to choose their place in does for the first alone.
		limit := 18<<20 + 256<<20 + uint64(memory.WindowEnd()) + 1<<20
		if engine == "wasmtime" {
			limit = 4<<30 + 64<<20
		}
		restore := modestest.LimitAddressSpace(t, 2*limit+500<<20)
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 9 << 20}
		target := transporttest.Serving(t, NewRemap(), setup)
		route := openBy(t, NewRemap(), setup, target)
		handOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 9 << 20})
		if moved, copied := route.Moves(); moved != 1 || copied != 0 {
			t.Errorf("%s: moved %d times, copied %d times", engine, moved, copied)
		}
		if route.source.Windowless() == nil || !strings.Contains(route.source.Windowless().Error(), "ulimit -v") {
			t.Errorf("%s: the source has no window: %v", engine, route.source.Windowless())
		}
		restore()
	}
}

// TestCyclesLeaveNothing moves windows a thousand times, and shows them.
func TestCyclesLeaveNothing(t *testing.T) {
	for _, by := range []transport.Transport{NewRemap(), NewMemfd()} {
		t.Run(by.Info().Name, func(t *testing.T) { cyclesLeaveNothing(t, by) })
	}
}

func cyclesLeaveNothing(t *testing.T, by transport.Transport) {
	const cycles = 300
	for _, engine := range modestest.Engines(t) {
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 200_000, Origin: transport.OriginBuffer}
		route := openTo(t, by, setup, setup)
		var before transporttest.Holdings
		for seed := range uint64(cycles) {
			handOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: 200_000 - int64(seed%2)*100_000})
			if seed == 3 {
				before = transporttest.Held(t)
			}
		}
		after := transporttest.Held(t)
		if moved, copied := route.Moves(); moved+route.mover.shared.Load() != cycles || copied != 0 {
			t.Errorf("%s: moved %d times, copied %d times", engine, moved, copied)
		}
		if after.Mappings > before.Mappings+20 || !transporttest.Racing && after.Resident > before.Resident+2<<20 {
			t.Errorf("%s: %+v, then %+v", engine, before, after)
		}
	}
}
