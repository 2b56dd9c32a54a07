package wasi

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// fakeInstance is memory that calls a host function.
type fakeInstance struct {
	engines.Instance
	bytes []byte
}

func (f *fakeInstance) Memory() engines.Memory {
	if f.bytes == nil {
		return nil
	}
	return f
}
func (f *fakeInstance) Bytes() []byte { return f.bytes }
func (f *fakeInstance) Size() uint64  { return uint64(len(f.bytes)) }

// WasmEdge registers one module of a name.
func TestHostModuleIsOfFunctionsAlone(t *testing.T) {
	if abi.HostModule == engines.MemoryImportModule {
		t.Errorf("functions and memory are both of module %q", abi.HostModule)
	}
}

func TestTakeUsage(t *testing.T) {
	caller := &fakeInstance{bytes: bytes.Repeat([]byte{0xff}, 64)}
	for pointer, ok := range map[uint64]bool{0: true, 32: true, 33: false, 64: false, 1<<32 - 1: false} {
		if err := takeUsage.Handler(caller, []uint64{pointer}); (err == nil) != ok {
			t.Errorf("at %d: %v", pointer, err)
		}
	}
	if caller.bytes[7] == 0xff {
		t.Errorf("nothing was written: %x", caller.bytes)
	}
	if err := takeUsage.Handler(&fakeInstance{}, []uint64{0}); err == nil {
		t.Error("a guest without memory got an answer")
	}
}

func FuzzSlice(f *testing.F) {
	f.Add(uint32(0), uint32(10))
	f.Add(uint32(10), uint32(0))
	f.Add(uint32(1<<32-1), uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, pointer, length uint32) {
		part, err := slice(make([]byte, 100), uint64(pointer), uint64(length))
		if inside := uint64(pointer)+uint64(length) <= 100; inside != (err == nil) || inside && len(part) != int(length) {
			t.Errorf("%d bytes, %v", len(part), err)
		}
	})
}

// Functions come and go, and leave neither descriptors nor mappings behind.
func TestNothingIsLeft(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		cycle := func() {
			target, err := New().Serve(t.Context(), setup)
			if err != nil {
				t.Fatal(err)
			}
			visit(t, New(), setup, target.Endpoint())
			if err := target.Close(); err != nil {
				t.Error(err)
			}
			forged := target.Endpoint()
			if _, err := New().Open(t.Context(), setup, []transport.Endpoint{forged}); err == nil {
				t.Error("a route to a closed target was opened")
			}
		}
		cycle()
		before := descriptors(t)
		for range 5 {
			cycle()
		}
		// What the kernel is still closing goes on its own.
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			after := descriptors(t)
			if len(after) <= len(before) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("descriptors before: %s, after: %s", before, after)
			}
		}
	})
}

func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	var open []string
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && !strings.HasPrefix(target, "/proc/") {
			open = append(open, target)
		}
	}
	slices.Sort(open)
	return open
}

// The planner refuses what these say does not fit, so they must not be too small.
func TestCopiesAreEstimated(t *testing.T) {
	for _, codec := range New().Info().Codecs {
		t.Run(string(codec), func(t *testing.T) {
			const size = 16 << 20
			setup := setupOf("wazero", codec, payloads.Text, size)
			if !slices.Contains(guestsTested, goGuest) {
				t.Skip("only the guest in Go is estimated")
			}
			served := transporttest.Serving(t, New(), setup).(*target)
			opened := transporttest.Opening(t, New(), setup, served.endpoint).(*route)
			// Garbage piles up until a guest's memory grows no more.
			var sizes [2]uint64
			for flat := 0; flat < 2; flat++ {
				exchange(t, opened, setup)
				now := [2]uint64{served.guest.instance.Memory().Size(), opened.guest.instance.Memory().Size()}
				if now != sizes {
					sizes, flat = now, -1
				}
			}
			info := New().Info()
			for half, g := range map[string]struct {
				guest  *guest
				copies int
			}{"target": {served.guest, info.CopiesPerTarget}, "source": {opened.guest, info.CopiesAtSource}} {
				// The runtime's own heap does not grow with the payload.
				const own = 16 << 20
				if used := g.guest.instance.Memory().Size(); used > own+uint64(g.copies)*size {
					t.Errorf("the %s uses %d MiB for payloads of 16 MiB, estimated are %d times as much", half, used>>20, g.copies)
				} else {
					t.Logf("the %s uses %d MiB", half, used>>20)
				}
			}
		})
	}
}
