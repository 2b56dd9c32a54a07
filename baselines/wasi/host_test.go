package wasi

import (
	"bytes"
	"slices"
	"testing"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/payloads"
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

// The planner refuses what does not fit by these estimates, so they must not be too small.
func TestCopiesAreEstimated(t *testing.T) {
	if !slices.Contains(guestsTested, goGuest) {
		t.Skip("engines under the race detector compile the Go guest for minutes")
	}
	for _, codec := range New().Info().Codecs {
		t.Run(string(codec), func(t *testing.T) {
			const size = 8 << 20
			// The guest's memory does not depend on the engine: the fastest one will do.
			engine := "wasmtime"
			if catalogue.Check(engine) != nil {
				engine = "wazero"
			}
			setup := setupOf(engine, codec, payloads.Text, size)
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
				const own = 12 << 20
				if used := g.guest.instance.Memory().Size(); used > own+uint64(g.copies)*size {
					t.Errorf("the %s uses %d MiB for payloads of %d MiB, estimated are %d times as much", half, used>>20, size>>20, g.copies)
				} else {
					t.Logf("the %s uses %d MiB", half, used>>20)
				}
			}
		})
	}
}
