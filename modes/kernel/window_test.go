package kernel

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
	"rrbench/transport/transporttest"
	"rrbench/workloads/hostile"
)

// forEachWindow runs a test of kernel/memfd on every engine with windows of their real length, and
// checks that nothing is left over.
func forEachWindow(t *testing.T, test func(t *testing.T, engine string)) {
	if err := NewMemfd().Check(); err != nil {
		t.Skip(err)
	}
	for _, engine := range modestest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			before := transporttest.Descriptors(t)
			t.Run("", func(t *testing.T) { test(t, engine) }) // with what it cleans up
			transporttest.CheckDescriptors(t, before)
			if left := mappings(t); left != 0 {
				t.Errorf("%d mappings of memory files are left", left)
			}
		})
	}
}

// came is how the payload before came to a target, in the window or not.
func (g *guarded) came(t *testing.T) (shown bool) {
	t.Helper()
	g.lock.Lock()
	defer g.lock.Unlock()
	if len(g.arrivals) != 1 {
		t.Fatalf("%d payloads have come", len(g.arrivals))
	}
	shown = g.arrivals[0].shown
	g.arrivals = g.arrivals[:0]
	return shown
}

// TestOneFileAPair hands payloads of many sizes over: one file is made for all of them, it is mapped
// once, and nothing piles up.
func TestOneFileAPair(t *testing.T) {
	forEachWindow(t, func(t *testing.T, engine string) {
		const longest = 5 << 20
		o := openInside(t, engine, longest, "c", "c")
		defer o.close(t)
		var before transporttest.Holdings
		for seed := range uint64(24) {
			size := longest - int64(seed%3)*1_000_003
			transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &o.handoff)
			for _, target := range o.inside {
				if !target.came(t) {
					t.Fatal("a payload was not shown in the window")
				}
			}
			if seed == 5 {
				before = transporttest.Held(t)
			}
		}
		transporttest.CheckFlat(t, before, transporttest.Held(t), 0)
		if o.memfd.buffer == nil || o.memfd.spare != nil || mappings(t) > 4 {
			t.Errorf("there are %d mappings of memory files", mappings(t))
		}
	})
}

// TestWindowTaken has a target that overwrites and keeps what it gets: its window is taken, and what
// comes afterwards goes elsewhere. It does not change, nor does the source see anything of it.
func TestWindowTaken(t *testing.T) {
	forEachWindow(t, func(t *testing.T, engine string) {
		const size = 3 << 20
		with := setup(engine, size, 1)
		with.Origin, with.Consume = transport.OriginBuffer, transport.ConsumeWrite
		keeper := with
		keeper.Guest = hostile.Guest(t, "rewrite-keeps")
		o := openWith(t, with, keeper)
		defer o.close(t)
		for seed := range uint64(5) {
			transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Text, Seed: seed, Size: size}, &o.handoff)
			if shown := o.inside[0].came(t); shown != (seed == 0) {
				t.Errorf("payload %d is in the window: %v", seed, shown)
			}
			there := o.inside[0].function.Memory()[memory.WindowStart:][:size]
			here := o.source.Memory()[memory.WindowStart:][:size]
			if bytes.Count(there, []byte{0xA3}) != size || bytes.IndexByte(here, 0xA3) >= 0 {
				t.Error("what is kept has changed, or shows at the source")
			}
		}
	})
}

// TestWritersGetCopies has a target that writes to all that it gets.
func TestWritersGetCopies(t *testing.T) {
	forEachWindow(t, func(t *testing.T, engine string) {
		const size = 300_000
		with := setup(engine, size, 1)
		with.Consume = transport.ConsumeWrite
		o := openWith(t, with, with)
		defer o.close(t)
		for seed := range uint64(firstRun + 3) {
			transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &o.handoff)
			if shown := o.inside[0].came(t); shown != (seed%(firstRun+1) == 0) {
				t.Errorf("payload %d is in the window: %v", seed, shown)
			}
		}
	})
	w, run := writing{}, 0
	for range 20 {
		w.saw(1, 10*memory.Size)
		for run = 0; w.copies(); run++ {
		}
	}
	if w.saw(1, 100*memory.Size); run != longestRun || w.copies() {
		t.Errorf("%d are copied, and further ones of which little is written: %v", run, w.copies())
	}
}

// TestNoWindow has targets that have none: their endpoints say why, and good guests get their payloads.
func TestNoWindow(t *testing.T) {
	transporttest.SmallBlocks(t)
	forEachWindow(t, func(t *testing.T, engine string) {
		for _, test := range []struct {
			guest  string
			size   int64
			reason string
		}{
			{"c", 100, "no payload is long enough"},
			{"c", int64(memory.Window) + 1, "longer than a window"},
			{hostile.Guest(t, "allocate-zero"), 100_000, "allocate_memory returned 0"},
			{hostile.Guest(t, "allocate-same"), 100_000, "not inside"},
			{hostile.Guest(t, "allocate-traps"), 100_000, "unreachable"},
		} {
			with := setup(engine, test.size, 1)
			with.Guest = test.guest
			target := transporttest.Serve(t, NewMemfd(), with)
			if fact := target.Endpoint().Facts["pages"]; !strings.Contains(fact, "there is no window: ") || !strings.Contains(fact, test.reason) {
				t.Errorf("pages %s, want %q", fact, test.reason)
			}
			if with.Guest == "c" {
				route := transporttest.Open(t, NewMemfd(), with, target.Endpoint())
				var handoff transport.Handoff
				transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: test.size}, &handoff)
				transporttest.MustClose(t, route)
			}
			transporttest.MustClose(t, target)
		}
	})
}

// TestLittleAddressSpace bounds that (RLIMIT_AS): first no memory can begin where windows do, then they
// can, and there is none left for a file's place.
func TestLittleAddressSpace(t *testing.T) {
	if err := NewMemfd().Check(); err != nil {
		t.Skip(err)
	}
	if !modestest.InChild(t, nil) {
		return
	}
	const size = 9 << 20
	handOver := func(o *opened, seed uint64) {
		t.Helper()
		transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &o.handoff)
	}
	for _, engine := range modestest.Engines(t) {
		if engine != "wazero" && engine != "wasmtime" { // others reserve as much as they like
			continue
		}
		o := openInside(t, engine, size, "c") // the engine takes what it takes for itself
		callOnThreads(t, engine)
		o.close(t)

		// Two memories fit, and another GiB to choose their place in does not.
		each := 2*uint64(size) + 256<<20 + uint64(memory.WindowEnd()) + 1<<20
		if engine == "wasmtime" {
			each = 4<<30 + 64<<20
		}
		restore := modestest.LimitAddressSpace(t, 2*each+500<<20)
		o = openInside(t, engine, size, "c")
		handOver(o, 1)
		if err := o.source.Windowless(); err == nil || !strings.Contains(err.Error(), "ulimit -v") {
			t.Errorf("%s: the source has no window: %v", engine, err)
		}
		restore()
		o.close(t)

		o = openInside(t, engine, size, "c")
		if fact := o.targets[0].Endpoint().Facts["pages"]; fact != Pages(nil) {
			t.Errorf("%s: pages %s", engine, fact)
		}
		restore = modestest.LimitAddressSpace(t, 200<<20)
		handOver(o, 2)
		if b := o.memfd.buffer; b != nil {
			t.Errorf("%s: a memory file is mapped as a window", engine)
		}
		restore()
		handOver(o, 3)
		if b := o.memfd.buffer; b == nil || !b.windowed {
			t.Errorf("%s: no memory file is mapped as a window any more", engine)
		}
		// The target has no place for the file when it takes it down.
		restore = modestest.LimitAddressSpace(t, 200<<20)
		o.inside[0].lock.Lock()
		if err := o.inside[0].views.hide(); err != nil || o.inside[0].views.all[0].mapped {
			t.Errorf("%s: %v", engine, err)
		}
		o.inside[0].lock.Unlock()
		restore()
		handOver(o, 4)
		o.close(t)
	}
}

// TestUnknownFiles has a source that refers to files that its target does not know, no longer knows,
// or knows as others.
func TestUnknownFiles(t *testing.T) {
	transporttest.SmallBlocks(t)
	forEachWindow(t, func(t *testing.T, engine string) {
		const size = 100_000
		o := openInside(t, engine, size, "c")
		target := o.targets[0].Endpoint()
		transporttest.MustClose(t, o.Route)
		fan, err := stream.OpenFan(context.Background(), []transport.Endpoint{target}, stream.FanOptions{Transport: memfdName, Deadline: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer transporttest.MustClose(t, fan, o.targets[0])
		var asked int
		var handoff transport.Handoff
		payload := make([]byte, size)
		payloads.Fill(payload, payloads.Bytes, 1)
		refer := func(id uint64, fd int, locator []byte) error {
			asked = 0
			fan.Refer(stream.Reference{ID: id, Descriptor: fd, Locator: locator, Unknown: func() { asked++ }}, payload, &handoff)
			if d := &handoff.Deliveries[0]; d.Err != nil || d.Digest != payloads.Digest(payload) {
				return fmt.Errorf("digest %x: %w", d.Digest, d.Err)
			}
			return nil
		}
		file := func() *memory.SealedFile {
			f, err := memory.NewSealedWindow()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			copy(f.Place, payload)
			return f
		}
		with := func(open ...uint64) []byte { return (&locator{method: showing, open: open}).encode(nil) }
		locator := with(1, 2)
		for _, test := range []struct {
			name    string
			id      uint64
			fd      int
			locator []byte
			asks    int
			fails   string
		}{
			{"never sent", 1, -1, nil, 1, ""},
			{"sent", 1, file().Descriptor(), locator, 0, ""},
			{"known", 1, -1, nil, 0, ""},
			{"known as another", 1, file().Descriptor(), locator, 0, "another file than before"},
			{"as before", 1, -1, nil, 0, ""},
			{"too short", 2, memoryFile(t, unix.MFD_ALLOW_SEALING, size, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_FUTURE_WRITE|unix.F_SEAL_SEAL), locator, 0, "announced are"},
			{"without its file", 2, -1, locator, 0, "without its descriptor"},
			{"too short, again", 2, -1, nil, 1, ""},
		} {
			err := refer(test.id, test.fd, test.locator)
			if asked != test.asks || (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s: asked for the bytes %d times, %v", test.name, asked, err)
			}
		}
		if err := errors.Join(refer(3, file().Descriptor(), with(3, 1)), refer(1, -1, nil), refer(4, file().Descriptor(), with(3))); err != nil || asked != 0 {
			t.Errorf("asked for the bytes %d times, %v", asked, err)
		}
		if err := refer(1, -1, nil); err != nil || asked != 1 {
			t.Errorf("a file that is closed is known: %v", err)
		}
		var open []uint64
		for id := uint64(10); id < 11+openLimit; id++ {
			if open = append(open, id); len(open) > openLimit {
				open = open[1:] // it does not say that it has closed that
			}
			if err := refer(id, file().Descriptor(), with(open...)); err != nil || asked > 0 {
				t.Errorf("file %d: %v", id, err)
			}
		}
		o.inside[0].lock.Lock()
		if n := len(o.inside[0].views.all); n > openLimit {
			t.Errorf("%d files are kept", n)
		}
		o.inside[0].lock.Unlock()
		if err := refer(50, file().Descriptor(), with(make([]uint64, openLimit+1)...)); err == nil {
			t.Error("a locator of too many files is not refused")
		}
	})
}

// TestDyingSource kills a source while its target keeps what it sent. The target's guest has its payload
// as before, and the next source finds the target in order.
func TestDyingSource(t *testing.T) {
	const variable, size = "RRBENCH_TEST_ENDPOINT", 3 << 20
	if endpoint := os.Getenv(variable); endpoint != "" {
		var there struct {
			Engine   string
			Endpoint transport.Endpoint
		}
		if err := json.Unmarshal([]byte(endpoint), &there); err != nil {
			t.Fatal(err)
		}
		route := transporttest.Open(t, NewMemfd(), setup(there.Engine, size, 1), there.Endpoint)
		var handoff transport.Handoff
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: 7, Size: size}, &handoff)
		fmt.Println("sent")
		select {}
	}
	forEachWindow(t, func(t *testing.T, engine string) {
		with := setup(engine, size, 1)
		keeper := with
		keeper.Guest = hostile.Guest(t, "handle-keeps")
		o := openWith(t, with, keeper)
		defer o.close(t)
		transporttest.MustClose(t, o.Route)
		there, err := json.Marshal(map[string]any{"Engine": engine, "Endpoint": o.targets[0].Endpoint()})
		if err != nil {
			t.Fatal(err)
		}
		source := exec.Command("/proc/self/exe", "-test.run=^TestDyingSource$")
		source.Env = append(os.Environ(), variable+"="+string(there))
		out, err := source.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if line != "sent\n" {
			t.Errorf("the source says %q, %v", line, err)
		}
		_ = source.Process.Kill()
		_ = source.Wait()
		want := make([]byte, size)
		payloads.Fill(want, payloads.Bytes, 7)
		for seed := range uint64(3) {
			o.inside[0].check(t, [][]byte{want, want, want, want}[:seed+1])
			route := transporttest.Open(t, NewMemfd(), with, o.targets[0].Endpoint())
			var handoff transport.Handoff
			transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: 7, Size: size}, &handoff)
			transporttest.MustClose(t, route)
		}
	})
}
