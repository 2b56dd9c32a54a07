package kernel

import (
	"context"
	"errors"
	"os"
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

// memoryFile makes a memory file for a hostile source.
func memoryFile(t *testing.T, flags int, size int64, seals int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("rrbench-test", unix.MFD_CLOEXEC|flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	if seals != 0 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

// A source that lies about where the payload is gets an error, and nothing else happens.
func TestMalformedLocators(t *testing.T) {
	if err := NewMemfd().Check(); err != nil {
		t.Skip(err)
	}
	for _, engine := range modestest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			before := transporttest.Descriptors(t)
			page := int64(memory.Size)
			size := 3 * page
			const whole = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL
			good := memoryFile(t, unix.MFD_ALLOW_SEALING, size, whole)
			pipe := make([]int, 2)
			if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			disk, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			if err := disk.Truncate(size); err != nil {
				t.Fatal(err)
			}
			here := locator{method: mapping}
			target := transporttest.Serve(t, NewMemfd(), setup(engine, size, 1))
			fan, err := stream.OpenFan(context.Background(), []transport.Endpoint{target.Endpoint()}, stream.FanOptions{Transport: memfdName, Deadline: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			payload := make([]byte, size)
			var handoff transport.Handoff
			refer := func(fd int, d locator, size int64) error {
				fan.Refer(stream.Reference{ID: 1, Descriptor: fd, Locator: d.encode(nil)}, payload[:size], &handoff)
				return handoff.Deliveries[0].Err
			}
			for name, test := range map[string]struct {
				fd   int
				d    locator
				want string
			}{
				"unsealed":           {memoryFile(t, unix.MFD_ALLOW_SEALING, size, 0), here, "lacks seals"},
				"can be truncated":   {memoryFile(t, unix.MFD_ALLOW_SEALING, size, whole&^unix.F_SEAL_SHRINK), here, "lacks seals"},
				"can be written":     {memoryFile(t, unix.MFD_ALLOW_SEALING, size, whole&^unix.F_SEAL_FUTURE_WRITE), here, "lacks seals"},
				"cannot be sealed":   {memoryFile(t, 0, size, 0), here, "lacks seals"},
				"short":              {memoryFile(t, unix.MFD_ALLOW_SEALING, size-1, whole), here, "announced are"},
				"empty":              {memoryFile(t, unix.MFD_ALLOW_SEALING, 0, whole), here, "announced are"},
				"a pipe":             {pipe[0], here, "not of a memory file"},
				"a file on disk":     {int(disk.Fd()), here, "not of a memory file"},
				"beyond its end":     {good, locator{method: mapping, place: uint64(page)}, "announced are"},
				"far beyond its end": {good, locator{method: mapping, place: 1<<63 - 1<<20}, "announced are"},
				"beyond everything":  {good, locator{method: mapping, place: -uint64(page)}, "beyond all places"},
				"inside a page":      {good, locator{method: mapping, place: 1}, "does not add up"},
				"all head":           {good, locator{method: mapping, head: make([]byte, page-1)}, "does not add up"},
				"nowhere":            {-1, here, "without its descriptor"},
				"by magic":           {good, locator{method: methodEnd}, "unknown"},
				"out of memory":      {-1, locator{method: reading, place: 16}, "no memory there"},
			} {
				if err := refer(test.fd, test.d, size); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: error is %v, want %q in it", name, err, test.want)
				}
			}
			// The target is as before.
			if err := refer(good, here, size); err != nil || handoff.Deliveries[0].Digest != payloads.Digest(payload) {
				t.Error(err)
			}
			transporttest.MustClose(t, fan, target, disk)
			_ = unix.Close(pipe[0])
			_ = unix.Close(pipe[1])
			if after := transporttest.Descriptors(t); len(after) > len(before)+7 {
				t.Errorf("descriptors leaked: %v", after)
			}
		})
	}
}

// A target that dies, or hangs, with the payload in its hands costs its own delivery. The
// source's guest runs on with a memory that no other process can see.
func TestDyingTarget(t *testing.T) {
	for _, tr := range []transport.Transport{NewMemfd(), NewCMA()} {
		for _, engine := range modestest.Engines(t) {
			t.Run(tr.Info().Name+"/"+engine, func(t *testing.T) {
				if err := tr.Check(); err != nil {
					t.Skip(err)
				}
				before := transporttest.Descriptors(t)
				const size = 2 << 20
				with := setup(engine, size, 2)
				good := transporttest.Start(t, tr, with)
				loops := with
				loops.Guest = hostile.Guest(t, "handle-loops")
				bad := transporttest.Start(t, tr, loops)
				route := transporttest.Open(t, tr, with, bad.Endpoint, good.Endpoint)
				var handoff transport.Handoff
				send := func(seed uint64) {
					t.Helper()
					spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}
					digest, err := spec.Digest(), route.Prepare(spec)
					if err != nil {
						t.Fatal(err)
					}
					if err := route.Send(&handoff); err != nil {
						t.Fatal(err)
					}
					if d := &handoff.Deliveries[1]; d.Err != nil || d.Digest != digest {
						t.Errorf("the good target got %x, %v", d.Digest, d.Err)
					}
				}
				killed := make(chan struct{})
				go func() {
					defer close(killed)
					time.Sleep(200 * time.Millisecond)
					bad.Kill()
				}()
				for seed := range uint64(3) {
					send(seed)
					if handoff.Deliveries[0].Err == nil {
						t.Error("a target that never returns has returned")
					}
				}
				<-killed
				bad.Kill()
				transporttest.MustClose(t, route, good)
				transporttest.CheckDescriptors(t, before)
				if left := mappings(t); left != 0 {
					t.Errorf("%d mappings of memory files are left", left)
				}
			})
		}
	}
}

// Without descriptors, memory files cannot be made nor received; payloads are copied then.
func TestNoDescriptorsLeft(t *testing.T) {
	forEachEngine(t, func(t *testing.T, engine string) {
		const size = 300_000
		o := openInside(t, engine, size, "c")
		defer o.close(t)
		transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: size}, &o.handoff)
		modestest.WithoutDescriptors(t, func() {
			// The target cannot receive the one that the source has.
			transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: 2, Size: size}, &o.handoff)
			// The source cannot make another.
			for seed := range uint64(3) {
				transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size - 5000}, &o.handoff)
			}
			if o.memfd.region != nil {
				t.Error("the source has made a memory file without a descriptor")
			}
		})
		transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: size}, &o.handoff)
		if o.memfd.region == nil {
			t.Error("the source makes no memory files any more")
		}
	})
}

// When too many mappings are in use already, both sides copy.
func TestNoPlacesLeft(t *testing.T) {
	forEachEngine(t, func(t *testing.T, engine string) {
		const size = 300_000
		taken := 0
		for memory.TakePlace() {
			taken++
		}
		defer func() { memory.ReturnPlaces(taken) }()
		o := openInside(t, engine, size, "c", hostile.Guest(t, "handle-grows"))
		defer o.close(t)
		for seed := range uint64(3) {
			transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}, &o.handoff)
		}
		if o.memfd.region != nil {
			t.Error("the source's pages were replaced")
		}
		// The payload was copied into a memory file, once, and read from there.
		if o.memfd.spare == nil {
			t.Error("no memory file was used")
		}
	})
}

func TestReadingExplainsItself(t *testing.T) {
	var r reader
	into := make([]byte, 100)
	for name, test := range map[string]struct {
		process int
		address uintptr
		want    error
		says    string
	}{
		"no process": {1<<31 - 1, 4096, unix.ESRCH, "the source ended"},
		"no memory":  {os.Getpid(), 16, unix.EFAULT, "no memory there"},
	} {
		err := r.read(test.process, into, test.address)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS, unix.ENOMEM} {
		if err := explain(errno, 7); !errors.Is(err, errno) || !strings.Contains(err.Error(), "process 7") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v is explained as %v", errno, err)
		}
	}
	// A read that ends in a hole, but has begun.
	place, err := memory.Reserve(2 * memory.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Free(place) }()
	if err := memory.Blank(place[:memory.Size]); err != nil {
		t.Fatal(err)
	}
	if err := r.read(os.Getpid(), make([]byte, 2*memory.Size), addressOf(place)); !errors.Is(err, unix.EFAULT) {
		t.Errorf("reading into a hole: %v", err)
	}
}

func TestPermit(t *testing.T) {
	for _, processes := range [][]int{{1}, {1, 1}, {1, 2}} {
		withdraw, err := permit(processes)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := withdraw(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What a source that is closed was lent is its own until then, and gone after it.
func TestCloseInAnyOrder(t *testing.T) {
	forEachEngine(t, func(t *testing.T, engine string) {
		for _, guest := range []string{"c", hostile.Guest(t, "handle-keeps")} {
			for _, targetFirst := range []bool{false, true} {
				o := openInside(t, engine, 100_000, guest)
				transporttest.HandOver(t, o, payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: 100_000}, &o.handoff)
				if targetFirst {
					transporttest.MustClose(t, o.targets[0], o.Route)
				} else {
					transporttest.MustClose(t, o.Route, o.targets[0])
				}
				transporttest.MustClose(t, o.Route, o.targets[0])
			}
		}
	})
}
