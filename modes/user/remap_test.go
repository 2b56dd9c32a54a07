package user

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads"
	"rrbench/workloads/hostile"
)

// TestPagesMove looks at which payloads have pages that move, with every guest: nothing
// else shows that from outside.
func TestPagesMove(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		for _, guest := range workloads.Guests() {
			t.Run(engine+"/"+guest, func(t *testing.T) {
				if _, err := workloads.Guest(guest); err != nil {
					t.Skip(err)
				}
				setup := transport.Setup{Engine: engine, Guest: guest, Codec: transport.None, Size: 9 << 20}
				const least = 4096 // a page
				target := transporttest.Serving(t, NewRemap(), setup)
				if fact := target.Endpoint().Facts["pages"]; fact != "move" {
					t.Errorf("pages %s", fact)
				}
				route := openBy(t, NewRemap(), setup, target)
				for i, size := range []int64{1, 4095, 8192, 65536, 1 << 20, 2<<20 - 1, least, 9 << 20, 9 << 20, 100} {
					spec := payloads.Spec{Kind: payloads.Bytes, Seed: uint64(i), Size: size}
					for range 3 {
						before, _ := route.Moves()
						handOver(t, route, spec)
						if after, copied := route.Moves(); after-before != uint64(min(1, size/least)) || copied != 0 {
							t.Errorf("%d bytes: moved %d times, copied %d times", size, after-before, copied)
						}
					}
				}
			})
		}
	}
}

// A payload that the host prepares moves as a whole, to the last block that is full.
func TestWholePayloadMoves(t *testing.T) {
	setup := withoutWindow(transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None})
	route := openTo(t, NewRemap(), setup, setup)
	var handoff transport.Handoff
	for size, moves := range map[int]int{memory.Block: memory.Block, 3*memory.Block - 1: 2 * memory.Block} {
		if err := route.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 7, Size: int64(size)}); err != nil {
			t.Fatal(err)
		}
		payload := bytes.Clone(route.source.Prepared().Bytes())
		if err := route.Send(&handoff); err != nil {
			t.Fatal(err)
		}
		clear(payload[:moves])
		if !bytes.Equal(route.source.Prepared().Bytes(), payload) {
			t.Errorf("of %d bytes other than the first %d have moved", size, moves)
		}
	}
}

// withoutWindow is for functions that may get payloads for which no window is long enough.
func withoutWindow(setup transport.Setup) transport.Setup {
	setup.Size = int64(memory.Window) + 1
	return setup
}

func TestAdaptive(t *testing.T) {
	transporttest.SmallBlocks(t)
	for _, longest := range []int64{int64(memory.Window), int64(memory.Window) + 1} {
		adaptive(t, transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None, Size: longest})
	}
}

func adaptive(t *testing.T, setup transport.Setup) {
	by := NewAdaptive(100_000)
	route := openTo(t, by, setup, setup)
	for size, want := range map[int64]uint64{64: 0, 99_999: 0, 100_000: 1, 1 << 20: 1} {
		spec := payloads.Spec{Kind: payloads.Text, Seed: 7, Size: size}
		before := route.mover.shared.Load() + route.mover.moved.Load()
		handOver(t, route, spec)
		if after := route.mover.shared.Load() + route.mover.moved.Load(); after-before != want {
			t.Errorf("%d bytes: shared or moved %d times", size, after-before)
		}
	}
}

// TestIsolation has a target that overwrites what it gets and a source that looks.
func TestIsolation(t *testing.T) {
	t.Run("blocks", func(t *testing.T) { isolation(t, 5_000_000, 8) })
	transporttest.SmallBlocks(t)
	t.Run("small blocks", func(t *testing.T) { isolation(t, 100_000, 200) })
}

func isolation(t *testing.T, size int64, seeds uint64) {
	for _, engine := range modestest.Engines(t) {
		setup := withoutWindow(transport.Setup{Engine: engine, Guest: "c", Codec: transport.None})
		writer := setup
		writer.Guest = hostile.Guest(t, "handle-obeys")
		alone := openTo(t, NewRemap(), setup, writer)
		several := openBy(t, NewRemap(), setup, transporttest.Serving(t, NewRemap(), writer), transporttest.Serving(t, NewRemap(), setup))
		for seed := range seeds {
			route := alone
			if seed%2 == 1 {
				route = several
			}
			spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}
			for range 2 {
				handOver(t, route, spec)
				for _, written := range []string{"\xB1\xB1\xB1\xB1\xB1\xB1", "\xB2\xB2\xB2\xB2\xB2\xB2"} {
					if bytes.Contains(route.source.Memory(), []byte(written)) {
						t.Fatal("the source sees what the target has written")
					}
				}
			}
		}
	}
}

// TestKeptForEver has a target that keeps every payload. Places for pages run out before
// mappings do, and come back when the target ends.
func TestKeptForEver(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine goes on for long")
	}
	transporttest.SmallBlocks(t)
	const size = 5 << 12
	setup := withoutWindow(transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None})
	keeper := setup
	keeper.Guest = hostile.Guest(t, "handle-keeps")
	before := transporttest.Held(t)
	for range 2 {
		target := transporttest.Serving(t, NewRemap(), keeper)
		route := openBy(t, NewRemap(), setup, target)
		for seed := uint64(0); ; seed++ {
			spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}
			handOver(t, route, spec)
			if moved, copied := route.Moves(); copied == 10 {
				if during := transporttest.Held(t); moved < 1000 || during.Mappings > 30_000 {
					t.Errorf("moved %d times, %d mappings", moved, during.Mappings)
				}
				break
			}
			if t.Failed() || seed == 40_000 {
				t.Fatal("there is no end to it")
			}
		}
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		if err := route.Close(); err != nil {
			t.Fatal(err)
		}
		if after := transporttest.Held(t); after.Mappings > before.Mappings+100 {
			t.Errorf("%d mappings, %d before", after.Mappings, before.Mappings)
		}
	}
}

// TestFallsBack has sources whose pages belong to several mappings and stay where they are: the payload is copied, and no hand-off fails.
func TestFallsBack(t *testing.T) {
	transporttest.SmallBlocks(t)
	for _, engine := range modestest.Engines(t) {
		size, before := int64(1<<20), uint64(0)
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size}
		route := openTo(t, NewRemap(), setup, setup)
		var handoff transport.Handoff
		for _, split := range []bool{false, true, false} {
			size += 10_000
			for seed := range uint64(3) {
				spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}
				digest := transporttest.Prepare(t, route, spec)
				if split && seed == 0 {
					// The middle of the payload gets a mapping of its own.
					middle := len(route.source.Memory()) / 2
					if err := unix.Madvise(route.source.Memory()[middle:][:64<<10], unix.MADV_DONTDUMP); err != nil {
						t.Fatal(err)
					}
					route.mover.plan = plan{}
					route.mover.plan.by = route.choose(route.source.Prepared(), true)
				}
				transporttest.Send(t, route, spec, digest, &handoff)
			}
			moved, _ := route.Moves()
			if want := map[bool]uint64{false: 3, true: 0}[split]; moved-before != want {
				t.Errorf("moved %d times, want %d", moved-before, want)
			}
			before = moved
		}
	}
}

// TestOutOfMappings takes all mappings that the kernel gives a process, in one of its own:
// payloads arrive all the same, and their pages move again afterwards.
func TestOutOfMappings(t *testing.T) {
	transporttest.SmallBlocks(t)
	if !modestest.InChild(t, nil) {
		return
	}
	runtime.LockOSThread()
	for _, engine := range modestest.Engines(t) {
		size := int64(1 << 20)
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size}
		route := openTo(t, NewRemap(), setup, setup)
		// Wasmtime ends the process where it finds no room for the signal stack of a thread that it has not seen
		// before, and wasmer's guests trap where there is none for their own, so they are called on one thread alone.
		several := route
		if engine != "wasmtime" && engine != "wasmer" {
			several = openBy(t, NewRemap(), setup, serveMany(t, NewRemap(), setup, 3)...)
		}
		var handoff transport.Handoff
		seed := uint64(0)
		handOver := func(through transport.Route) {
			seed++
			// Other regions than before need other mappings.
			size += 5000
			transporttest.HandOver(t, through, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &handoff)
		}
		handOver(route)
		handOver(several)
		// The Go runtime would not survive where it cannot map memory.
		debug.SetGCPercent(-1)
		release := modestest.TakeMappings(t)
		for range 5 {
			handOver(route)
			handOver(several)
		}
		release()
		debug.SetGCPercent(100)
		moved, _ := route.Moves()
		handOver(route)
		if again, _ := route.Moves(); again != moved+1 {
			t.Error("pages do not move again")
		}
		shared := several.mover.shared.Load()
		handOver(several)
		if several != route && several.mover.shared.Load() != shared+1 {
			t.Error("pages are not shared again")
		}
	}
}

// TestNoDescriptorsLeft has a fan-out without the memory file that its pages would be in: the
// payload is copied to every target.
func TestNoDescriptorsLeft(t *testing.T) {
	transporttest.SmallBlocks(t)
	for _, engine := range modestest.Engines(t) {
		const size = 300_000
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size}
		route := openBy(t, NewRemap(), setup, serveMany(t, NewRemap(), setup, 3)...)
		modestest.WithoutDescriptors(t, func() {
			for seed := range uint64(3) {
				handOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size})
			}
		})
		if route.mover.shared.Load() != 0 {
			t.Error("pages were shared without a file")
		}
		handOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: 4, Size: size - 5000})
		if route.mover.shared.Load() != 1 {
			t.Error("pages are not shared again")
		}
	}
}

// TestGuestsDoAsTheyLike has functions that free payloads behind the host's back, or write to
// them at once, while their pages are with others.
func TestGuestsDoAsTheyLike(t *testing.T) {
	transporttest.SmallBlocks(t)
	const size = 100_000
	for _, engine := range modestest.Engines(t) {
		for _, way := range []struct {
			by      transport.Transport
			fanout  int
			longest int64
		}{
			{NewRemap(), 1, int64(memory.Window)}, {NewRemap(), 1, 20 << 20}, {NewRemap(), 3, 20 << 20},
			{NewMemfd(), 1, int64(memory.Window)}, {NewMemfd(), 1, 20 << 20}, {NewAdaptive(size), 1, int64(memory.Window)},
		} {
			by, fanout, longest := way.by, way.fanout, way.longest
			for source, target := range map[string]string{"send-writes": "handle-keeps", "send-frees": "handle-frees", "send-twice": "handle-keeps"} {
				from := transport.Setup{Engine: engine, Guest: hostile.Guest(t, source), Codec: transport.None, Size: longest}
				to := from
				to.Guest = hostile.Guest(t, target)
				route := openBy(t, by, from, serveMany(t, by, to, fanout)...)
				var handoff transport.Handoff
				for seed := range uint64(50) {
					spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size + int64(seed%3)*5000}
					digest := transporttest.Prepare(t, route, spec)
					if err := route.Send(&handoff); (err == nil) == (source == "send-twice") {
						t.Fatalf("%s: %v", source, err)
					}
					for i := range handoff.Deliveries {
						transporttest.CheckDelivery(t, &handoff, i, spec.Size, digest)
					}
				}
			}
		}
	}
}

// TestSoak is long with the tag soak. Functions that keep payloads, send them on and grow
// must not take more of anything with time.
func TestSoak(t *testing.T) {
	transporttest.SmallBlocks(t)
	for _, engine := range modestest.Engines(t) {
		for _, several := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/several=%v", engine, several), func(t *testing.T) {
				soak(t, engine, several, soakHandoffs/len(modestest.Engines(t))/2)
			})
		}
	}
}

func soak(t *testing.T, engine string, several bool, handoffs int) {
	var w *world
	for seed := uint64(1); w == nil; seed++ {
		made := newWorld(t, rand.New(rand.NewPCG(seed, 2)), NewRemap().(*mode), []string{engine}, guestsOf(t))
		if len(made.all) > len(made.targets) && len(made.targets) > 1 == several && !(made.windowed && made.leaks) {
			w = made
		} else {
			made.close()
		}
	}
	defer w.close()
	send := func(count int) {
		for w.handoffs < count {
			w.step()
		}
		w.compare()
	}
	// Until everything has been as large as it gets.
	send(handoffs / 4)
	before := transporttest.Held(t, w.memories()...)
	send(handoffs)
	after := transporttest.Held(t, w.memories()...)
	t.Logf("%d hand-offs between %d functions: %+v, then %+v", w.handoffs, 1+len(w.all), before, after)
	transporttest.CheckFlat(t, before, after, heldBuffers)
}

// heldBuffers is how many memory files a fan-out whose targets keep payloads may have open.
const heldBuffers = 20

// memories are those of all functions, the models' included.
func (w *world) memories() [][]byte {
	all := [][]byte{w.route.source.Memory(), w.source.Memory()}
	for _, tw := range w.all {
		all = append(all, tw.real.function.Memory(), tw.model.Memory())
	}
	return all
}
