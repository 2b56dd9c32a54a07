package modes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads"
	"rrbench/workloads/hostile"
)

// eachEngine runs a test on every engine that this program has.
func eachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range catalogue.BuiltIn() {
		t.Run(engine, func(t *testing.T) {
			if err := catalogue.Check(engine); err != nil {
				t.Skip(err)
			}
			test(t, engine)
		})
	}
}

// eachGuest runs a test with every built-in guest on every engine.
func eachGuest(t *testing.T, test func(t *testing.T, setup transport.Setup)) {
	eachEngine(t, func(t *testing.T, engine string) {
		for _, guest := range workloads.Guests() {
			t.Run(guest, func(t *testing.T) {
				if _, err := workloads.Guest(guest); err != nil {
					t.Skip(err)
				}
				test(t, transport.Setup{Engine: engine, Guest: guest, Size: 1 << 20})
			})
		}
	})
}

func load(t testing.TB, setup transport.Setup, send Sender) *Function {
	t.Helper()
	f, err := Load(context.Background(), setup, send)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// handOff copies a payload into a fresh region and has it handled.
func handOff(f *Function, payload []byte) (uint64, error) {
	region, err := f.Allocate(uint32(len(payload)))
	if err != nil {
		return 0, err
	}
	copy(region.Bytes(), payload)
	return f.Handle(region)
}

func TestGuestsDigestAsPayloadsDoes(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		f := load(t, setup, nil)
		for _, kind := range payloads.Kinds() {
			for _, size := range []int{1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 4097, 65536, 100003, 1 << 20} {
				payload := make([]byte, size)
				payloads.Fill(payload, kind, uint64(size))
				digest, err := handOff(f, payload)
				if err != nil {
					t.Fatal(err)
				}
				if want := payloads.Digest(payload); digest != want {
					t.Errorf("%s of %d bytes: digest %016x, want %016x", kind, size, digest, want)
				}
			}
		}
	})
}

// TestGuestsAgainstVectors uses the vectors that the digest's specification comes with.
func TestGuestsAgainstVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "payloads", "testdata", "digest.txt"))
	if err != nil {
		t.Fatal(err)
	}
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		f := load(t, setup, nil)
		for line := range strings.Lines(string(text)) {
			var times int
			var pattern []byte
			var want uint64
			if n, _ := fmt.Sscanf(line, "%d %x %x", &times, &pattern, &want); n != 3 || times == 0 {
				continue
			}
			if digest, err := handOff(f, bytes.Repeat(pattern, times)); err != nil || digest != want {
				t.Errorf("%.40s: digest %016x, %v", line, digest, err)
			}
		}
	})
}

func TestGuestsSend(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		var received uint64
		f := load(t, setup, func(region *Region) error {
			received = payloads.Digest(region.Bytes())
			return nil
		})
		for i, size := range []int64{1, 64, 100, 1 << 20, 1 << 20, 4096} {
			spec := payloads.Spec{Kind: payloads.Bytes, Seed: uint64(i), Size: size}
			digest := spec.Digest()
			for range 2 {
				if err := errors.Join(f.Prepare(spec), f.Send()); err != nil {
					t.Fatal(err)
				}
				if received != digest {
					t.Errorf("%d bytes: sent %016x, received %016x", size, digest, received)
				}
				if err := f.Send(); err == nil {
					t.Error("a payload was sent twice")
				}
			}
		}
	})
}

// TestGuestsUseMemoryAgain hands over so much that a guest which loses buffers, or pages
// that stay cold, would show.
func TestGuestsUseMemoryAgain(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		f := load(t, setup, nil)
		payload := make([]byte, 1<<20)
		settled := uint64(0)
		var pointer uint32
		for round := range 300 {
			// Two lengths in turn, or the host itself would use the region again.
			region := mustAllocate(t, f, uint32(len(payload)-round%2*16))
			if round > 0 && region.Pointer() != pointer {
				t.Fatalf("round %d: the buffer is at %d, was at %d: its pages are cold", round, region.Pointer(), pointer)
			}
			pointer = region.Pointer()
			if _, err := f.Handle(region); err != nil {
				t.Fatal(err)
			}
			if round == 10 {
				settled = f.memory.Size()
			}
		}
		if grown := f.memory.Size(); grown != settled {
			t.Errorf("memory grew from %d to %d bytes", settled, grown)
		}
	})
}

// TestGuestHeap allocates and frees at random: the host itself checks that no two regions
// overlap, the contents show that nothing else writes into them, and everything can be
// allocated in one piece again when all is free.
func TestGuestHeap(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		f := load(t, setup, nil)
		random := rand.New(rand.NewPCG(7, 8))
		type held struct {
			region *Region
			seed   uint64
		}
		var all []held
		rounds := 3000
		for round := range uint64(rounds) {
			if len(all) > 0 && random.IntN(100) < 48 || len(all) > 60 {
				i := random.IntN(len(all))
				want := make([]byte, all[i].region.Len())
				payloads.Fill(want, payloads.Bytes, all[i].seed)
				if !bytes.Equal(all[i].region.Bytes(), want) {
					t.Fatalf("round %d: a region of %d bytes at %d has changed", round, len(want), all[i].region.Pointer())
				}
				if err := f.Release(all[i].region); err != nil {
					t.Fatal(err)
				}
				all[i] = all[len(all)-1]
				all = all[:len(all)-1]
				continue
			}
			size := uint32(1 + random.IntN(1<<random.IntN(17)))
			region := mustAllocate(t, f, size)
			if setup.Guest == "c" && region.Pointer()%16 != 0 {
				t.Fatalf("a region at %d is not aligned to 16 bytes", region.Pointer())
			}
			payloads.Fill(region.Bytes(), payloads.Bytes, round)
			all = append(all, held{region, round})
		}
		for _, h := range all {
			if err := f.Release(h.region); err != nil {
				t.Fatal(err)
			}
		}
		if setup.Guest == "c" {
			before := f.memory.Size()
			mustAllocate(t, f, uint32(before)-1<<17)
			if after := f.memory.Size(); after > before {
				t.Errorf("free neighbours were not joined: memory grew from %d to %d bytes", before, after)
			}
		}
	})
}

func TestGuestHasNoMemory(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		f := load(t, transport.Setup{Engine: engine, Guest: "c", Size: 1}, nil)
		for _, n := range []uint32{memoryReserve, 1 << 30, 1<<32 - 1, 1<<32 - 16, 1<<32 - 33} {
			if _, err := f.Allocate(n); err == nil || !strings.Contains(err.Error(), "no memory") {
				t.Errorf("allocating %d bytes: %v", n, err)
			}
		}
		// The function lives on.
		if _, err := handOff(f, []byte("still here")); err != nil {
			t.Error(err)
		}
	})
}

func TestLargestMemory(t *testing.T) {
	for size, want := range map[int64]uint64{
		-1: memoryReserve, 0: memoryReserve, 1 << 20: memoryReserve + 2<<20, 500 << 20: memoryReserve + 1000<<20,
		2 << 30: 1<<32 - 1<<16, payloads.MaxSize: 1<<32 - 1<<16,
	} {
		if got := memoryLimit(transport.Setup{Size: size}); got != want {
			t.Errorf("memoryLimit(%d) = %d, want %d", size, got, want)
		}
	}
}

func TestLoadRefusesGuests(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for name, want := range map[string]string{
			"not-wasm":        "WebAssembly",
			"lacks-allocate":  "does not export allocate_memory(i32) -> i32",
			"lacks-handle":    "does not export handle(i32, i32) -> i64",
			"lacks-send":      "does not export send(i32, i32) -> i32",
			"wrong-signature": "exports handle(i32, i32) -> i32, which must be handle(i32, i32) -> i64",
			"unknown-import":  "imports roadrunner.teleport(i32) -> i32, which the host does not offer",
			"wrong-import":    "imports roadrunner.keep_memory_region(i64) -> i64, which must be keep_memory_region(i32) -> i32",
			"foreign-import":  "imports env.print(i32), but functions import from roadrunner and wasi_snapshot_preview1 only",
			"memory-4gib":     "memory",
			"memory-imported": "memory",
		} {
			path := hostile.Guest(t, name)
			f, err := Load(context.Background(), transport.Setup{Engine: engine, Guest: path, Size: 1 << 20}, delivered)
			if err == nil {
				f.Close()
				t.Errorf("%s is loaded", name)
				continue
			}
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %q does not name the guest and %q in one line", name, err, want)
			}
			abi := strings.Contains(want, "export") || strings.Contains(want, "import")
			if abi && !strings.Contains(err.Error(), "docs/guest-abi.md") {
				t.Errorf("%s: error %q does not lead to the documentation", name, err)
			}
		}
		f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, "lacks-send")}, nil)
		if _, err := handOff(f, []byte("a target needs no send")); err != nil {
			t.Error(err)
		}
	})
}

func TestLoadErrors(t *testing.T) {
	for engine, want := range map[string]string{"wasm9000": "wasm9000", "": "engine"} {
		if _, err := Load(context.Background(), transport.Setup{Engine: engine, Guest: "c"}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("engine %q: %v", engine, err)
		}
	}
	if _, err := Load(context.Background(), transport.Setup{Engine: "wazero", Guest: "missing.wasm"}, nil); err == nil || !strings.Contains(err.Error(), "missing.wasm") {
		t.Errorf("%v", err)
	}
}

func TestHostileTargets(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for name, want := range map[string]string{
			"allocate-traps":       "allocate_memory",
			"allocate-zero":        "no memory for 100 bytes",
			"allocate-outside":     "not inside its memory",
			"allocate-straddles":   "not inside its memory",
			"allocate-wraps":       "not inside its memory",
			"deallocate-traps":     "deallocate_memory",
			"handle-traps":         "handle",
			"handle-reads-outside": "handle",
			"handle-recurses":      "handle",
			"handle-exits":         "status 7",
		} {
			f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, name)}, nil)
			_, err := handOff(f, make([]byte, 100))
			if name == "deallocate-traps" {
				_, err = handOff(f, make([]byte, 101))
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
			if f.inUse() != 0 {
				t.Errorf("%s: %d regions are left", name, f.inUse())
			}
			// Again, and then the shim still serves others.
			if _, err := handOff(f, make([]byte, 99)); err == nil {
				t.Errorf("%s: the second hand-off succeeds", name)
			}
		}
		f := load(t, transport.Setup{Engine: engine, Guest: "c"}, nil)
		if _, err := handOff(f, make([]byte, 100)); err != nil {
			t.Error(err)
		}
	})
}

func TestHostileButHarmless(t *testing.T) {
	payload := make([]byte, 1000)
	payloads.Fill(payload, payloads.Text, 3)
	eachEngine(t, func(t *testing.T, engine string) {
		for _, name := range []string{"handle-frees", "handle-grows", "handle-keeps"} {
			f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, name), Size: 1000}, nil)
			for round := range 20 {
				payload := payload[round%2:]
				if digest, err := handOff(f, payload); err != nil || digest != payloads.Digest(payload) {
					t.Fatalf("%s: round %d: digest %016x, %v", name, round, digest, err)
				}
			}
			want := map[string]int{"handle-keeps": 20}[name]
			if f.inUse() != want {
				t.Errorf("%s: %d regions in use, want %d", name, f.inUse(), want)
			}
		}
	})
}

func TestAllocateSame(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, "allocate-same")}, nil)
		first := mustAllocate(t, f, 100)
		if _, err := f.Allocate(100); err == nil || !strings.Contains(err.Error(), "overlaps the live region") {
			t.Errorf("error %v", err)
		}
		if err := f.Release(first); err != nil {
			t.Fatal(err)
		}
		mustAllocate(t, f, 100)
	})
}

func TestHostileSources(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for name, want := range map[string]string{
			"send-traps":        "send",
			"send-never":        "without calling send_to_host",
			"send-lies-longer":  "-3, length differs",
			"send-lies-shorter": "-3, length differs",
			"send-wraps":        "-1, invalid",
			"send-nothing":      "-1, invalid",
			"send-unallocated":  "-2, unknown region",
			"send-twice":        "-8, not possible",
			"send-cheers":       errFake.Error(),
		} {
			sent := 0
			f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, name)}, func(*Region) error {
				sent++
				if name == "send-cheers" {
					return errFake
				}
				return nil
			})
			if err := f.Prepare(payloads.Spec{Kind: payloads.Text, Size: 100}); err != nil {
				t.Fatal(err)
			}
			if err := f.Send(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
			if sent > 1 {
				t.Errorf("%s: sent %d times", name, sent)
			}
		}
	})
}

func TestSendFromOwnMemory(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		var received uint64
		f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, "send-from-own-memory")}, func(region *Region) error {
			received = payloads.Digest(region.Bytes())
			return nil
		})
		spec := payloads.Spec{Kind: payloads.Text, Seed: 5, Size: 100}
		digest := spec.Digest()
		for range 3 {
			if err := errors.Join(f.Prepare(spec), f.Send()); err != nil || received != digest {
				t.Errorf("sent %016x, received %016x, %v", digest, received, err)
			}
		}
		if len(f.regions.live) != 1 {
			t.Errorf("%d live regions, want the prepared one", len(f.regions.live))
		}
	})
}

// TestSendWhileLeased has a guest send a region again from inside a call that the host
// makes while the region is under way.
func TestSendWhileLeased(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		var f *Function
		var inner error
		f = load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, "allocate-sends")}, func(*Region) error {
			// The guest returns the status, negated, as a pointer.
			var region *Region
			if region, inner = f.Allocate(8); inner == nil {
				inner = fmt.Errorf("status -%d", region.Pointer())
			}
			return nil
		})
		if err := f.Prepare(payloads.Spec{Kind: payloads.Text, Size: 100}); err != nil {
			t.Fatal(err)
		}
		if err := f.Send(); err != nil {
			t.Fatal(err)
		}
		if inner == nil || inner.Error() != fmt.Sprintf("status %d", Leased) {
			t.Errorf("sending a leased region: %v", inner)
		}
	})
}

// TestGuestCalls has a guest in Wasm make each call of the ABI, so that signatures and the
// upper halves of arguments are checked on each engine.
func TestGuestCalls(t *testing.T) {
	const (
		sendToHost = iota + 1
		locate
		keep
		release
		read
		write
		allocate
	)
	eachEngine(t, func(t *testing.T, engine string) {
		f := load(t, transport.Setup{Engine: engine, Guest: hostile.Guest(t, "calls")}, delivered)
		do := func(operation, a, b uint32) int64 {
			t.Helper()
			result, err := handOff(f, []byte{
				byte(operation), 0, 0, 0,
				byte(a), byte(a >> 8), byte(a >> 16), byte(a >> 24),
				byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24),
			})
			if err != nil {
				t.Fatal(err)
			}
			return int64(result)
		}
		own := uint32(do(allocate, 200, 0))
		other := uint32(do(allocate, 200, 0))
		copy(f.memory.Bytes()[own:], "from here to there")
		for _, step := range []struct {
			operation, a, b uint32
			want            int64
		}{
			{sendToHost, own, 200, int64(UnknownRegion)},
			{locate, own, 200, 0},
			{sendToHost, own, 200, 0},
			{sendToHost, own, 201, int64(LengthDiffers)},
			{sendToHost, own, 1<<32 - 1, int64(Invalid)},
			{keep, own, 0, int64(NotPossible)},
			{keep, 12345, 0, int64(UnknownRegion)},
			{read, own, 18, 0},
			{write, other, 200, 18},
			{write, 1<<32 - 1, 200, int64(Invalid)},
			{release, own, 0, 0},
			{release, own, 0, int64(Released)},
			{release, 12345, 0, int64(UnknownRegion)},
		} {
			if got := do(step.operation, step.a, step.b); got != step.want {
				t.Errorf("operation %d (%d, %d) = %d, want %d", step.operation, step.a, step.b, got, step.want)
			}
		}
		if got := string(f.memory.Bytes()[other : other+18]); got != "from here to there" {
			t.Errorf("the host wrote %q", got)
		}
		// Keeping the region that carries the command, then giving it back: the host frees it.
		region := mustAllocate(t, f, 12)
		pointer := region.Pointer()
		copy(region.Bytes(), []byte{keep, 0, 0, 0, byte(pointer), byte(pointer >> 8), byte(pointer >> 16), byte(pointer >> 24)})
		if status, err := f.Handle(region); status != 0 || err != nil {
			t.Fatal(status, err)
		}
		if !region.live {
			t.Error("a kept region is gone")
		}
		if got := do(release, pointer, 0); got != 0 {
			t.Errorf("releasing a kept region: %d", got)
		}
		if region := mustAllocate(t, f, 13); region.Pointer() != pointer {
			t.Errorf("the guest did not get its kept region back: the next is at %d, not %d", region.Pointer(), pointer)
		}
	})
}

func TestTrapStaysInItsInstance(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		setup := transport.Setup{Engine: engine, Guest: hostile.Guest(t, "handle-traps")}
		first, second := load(t, setup, nil), load(t, setup, nil)
		_, err := handOff(first, make([]byte, 10))
		var trap *engines.Trap
		if !errors.As(err, &trap) {
			t.Errorf("error %v is no trap", err)
		}
		if _, err := second.Allocate(10); err != nil {
			t.Errorf("another instance suffers: %v", err)
		}
	})
}

func TestGoGuestReportsItsPanic(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		if _, err := workloads.Guest("go"); err != nil {
			t.Skip(err)
		}
		f := load(t, transport.Setup{Engine: engine, Guest: "go"}, nil)
		region := mustAllocate(t, f, 10)
		if _, err := f.call(&f.deallocateExport, region.Pointer(), 10); err != nil {
			t.Fatal(err)
		}
		// The guest has no such buffer any more and panics.
		if _, err := f.Enter(region); err == nil || !strings.Contains(err.Error(), "slice bounds out of range") {
			t.Errorf("error %v", err)
		}
	})
}

func TestCompiledOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		wasm, err := workloads.Guest("c")
		if err != nil {
			t.Fatal(err)
		}
		compilations := 0
		c := cache{newEngine: func(name string) (engines.Engine, error) {
			inner, err := catalogue.New(name, catalogue.Options{CacheDir: t.TempDir()})
			return countingEngine{inner, &compilations}, err
		}}
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, _ = c.module(cancelled, engine, wasm)
		compilations = 0
		for range 3 {
			if _, _, err := c.module(context.Background(), engine, wasm); err != nil {
				t.Fatal(err)
			}
		}
		if compilations > 1 {
			t.Errorf("compiled %d times", compilations)
		}
	})
}

type countingEngine struct {
	engines.Engine
	compilations *int
}

func (e countingEngine) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	*e.compilations++
	return e.Engine.Compile(ctx, wasm)
}
