package modes

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"rrbench/payloads"
)

func delivered(*Region) error { return nil }

func TestSendToHostStatus(t *testing.T) {
	guest, f := newFake(t, delivered)
	region := mustAllocate(t, f, 100)
	released, idle := mustAllocate(t, f, 100), mustAllocate(t, f, 100)
	for _, region := range []*Region{idle, released} {
		if err := f.Release(region); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		pointer, length uint32
		want            Status
	}{
		{region.pointer, 100, OK},
		{region.pointer, 0, Invalid},
		{region.pointer, 99, LengthDiffers},
		{region.pointer, 101, LengthDiffers},
		{region.pointer + 1, 99, UnknownRegion},
		{region.pointer - 1, 100, UnknownRegion},
		{0, 100, UnknownRegion},
		{released.pointer, 100, Released},
		{idle.pointer, 100, Released},
		{fakeMemorySize, 1, Invalid},
		{fakeMemorySize - 1, 1, UnknownRegion},
		{fakeMemorySize - 1, 2, Invalid},
		{math.MaxUint32, 1, Invalid},
		{math.MaxUint32, math.MaxUint32, Invalid},
		{region.pointer, math.MaxUint32, Invalid},
		{region.pointer, math.MaxUint32 - region.pointer + 1, Invalid},
		{region.pointer, math.MaxUint32 - region.pointer + 2, Invalid},
	} {
		if got := guest.call(t, "send_to_host", test.pointer, test.length); got != test.want {
			t.Errorf("send_to_host(%d, %d) = %v, want %v", test.pointer, test.length, got, test.want)
		}
	}
}

func TestLease(t *testing.T) {
	var guest *fakeGuest
	var f *Function
	var statuses []Status
	var released error
	guest, f = newFake(t, func(region *Region) error {
		statuses = append(statuses,
			guest.call(t, "send_to_host", region.pointer, region.length),
			guest.call(t, "locate_memory_region", region.pointer+10, 10),
			guest.call(t, "release_memory_region", region.pointer))
		if status := guest.call(t, "read_memory_host", region.pointer, region.length); status != OK {
			t.Errorf("reading a leased region: %v", status)
		}
		for _, start := range []uint32{region.pointer - 1, region.pointer, region.pointer + region.length - 1} {
			statuses = append(statuses, guest.call(t, "write_memory_host", start, 2))
		}
		if status := guest.call(t, "write_memory_host", region.pointer-2, 2); status != 2 {
			t.Errorf("writing before a leased region: %v", status)
		}
		if status := guest.call(t, "write_memory_host", region.pointer+region.length, 2); status != 2 {
			t.Errorf("writing behind a leased region: %v", status)
		}
		released = f.Release(region)
		return nil
	})
	spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 100}
	if err := errors.Join(f.Prepare(spec), f.Send()); err != nil {
		t.Fatal(err)
	}
	for i, status := range statuses {
		if status != Leased {
			t.Errorf("call %d while leased: %v", i, status)
		}
	}
	if released == nil {
		t.Error("a leased region was released")
	}
	// The lease ends with the transfer.
	if err := errors.Join(f.Prepare(spec), f.Send()); err != nil {
		t.Error(err)
	}
}

func TestLocate(t *testing.T) {
	guest, f := newFake(t, delivered)
	region := mustAllocate(t, f, 100)
	for _, test := range []struct {
		pointer, length uint32
		want            Status
	}{
		{5000, 100, OK},
		{5000, 100, OK},
		{5000, 99, LengthDiffers},
		{5099, 1, Invalid},
		{4999, 2, Invalid},
		{4000, 3000, Invalid},
		{5100, 1, OK},
		{4999, 1, OK},
		{region.pointer, 100, OK},
		{region.pointer, 1, LengthDiffers},
		{6000, 0, Invalid},
		{fakeMemorySize - 4, 4, OK},
		{fakeMemorySize - 3, 4, Invalid},
		{math.MaxUint32, 2, Invalid},
		{0, 4, OK},
	} {
		if got := guest.call(t, "locate_memory_region", test.pointer, test.length); got != test.want {
			t.Errorf("locate_memory_region(%d, %d) = %v, want %v", test.pointer, test.length, got, test.want)
		}
	}
	if got := guest.call(t, "send_to_host", 5000, 100); got != OK {
		t.Errorf("sending a located region: %v", got)
	}
	freed := 0
	guest.free = func(uint32, uint32) { freed++ }
	for i, want := range []Status{OK, Released, Released} {
		if got := guest.call(t, "release_memory_region", 5000); got != want {
			t.Errorf("release %d of a located region: %v, want %v", i, got, want)
		}
	}
	if freed != 0 {
		t.Error("the host freed what the guest had allocated by itself")
	}
	if got := guest.call(t, "send_to_host", 5000, 100); got != Released {
		t.Errorf("sending a released region: %v", got)
	}
}

func TestLocateTooMany(t *testing.T) {
	guest, _ := newFake(t, delivered)
	guest.memory = make([]byte, 2*maxRegions)
	for i := range uint32(maxRegions) {
		if got := guest.call(t, "locate_memory_region", 2*i, 1); got != OK {
			t.Fatalf("region %d: %v", i, got)
		}
	}
	if got := guest.call(t, "locate_memory_region", 1, 1); got != NoMemory {
		t.Errorf("one region too many: %v", got)
	}
}

func TestKeep(t *testing.T) {
	guest, f := newFake(t, nil)
	freed := map[uint32]int{}
	guest.free = func(pointer, _ uint32) { freed[pointer]++ }
	if got := guest.call(t, "keep_memory_region", 77); got != UnknownRegion {
		t.Errorf("keeping what is none: %v", got)
	}

	idle := mustAllocate(t, f, 50)
	if got := guest.call(t, "keep_memory_region", idle.pointer); got != NotPossible {
		t.Errorf("keeping outside a handler: %v", got)
	}
	if got := guest.call(t, "release_memory_region", idle.pointer); got != NotPossible {
		t.Errorf("releasing what the host allocated: %v", got)
	}

	// Kept: the host releases nothing until the guest does.
	kept := mustAllocate(t, f, 50)
	pointer := kept.pointer
	guest.handle = func(pointer, _ uint32) uint64 {
		return uint64(-guest.call(t, "keep_memory_region", pointer))
	}
	if status, err := f.Handle(kept); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	if freed[pointer] != 0 || !kept.live {
		t.Error("a kept region was freed")
	}
	if _, err := f.Enter(kept); err == nil {
		t.Error("a region was handled twice")
	}
	for i, want := range []Status{OK, Released} {
		if got := guest.call(t, "release_memory_region", pointer); got != want {
			t.Errorf("release %d of a kept region: %v, want %v", i, got, want)
		}
	}
	if freed[pointer] != 1 {
		t.Errorf("a kept and released region was freed %d times", freed[pointer])
	}

	// Kept and given back within the handler: the host releases it after the handler.
	changed := mustAllocate(t, f, 50)
	pointer = changed.pointer
	guest.handle = func(pointer, _ uint32) uint64 {
		for _, step := range []struct {
			name string
			want Status
		}{
			{"release_memory_region", NotPossible}, {"keep_memory_region", OK}, {"keep_memory_region", OK},
			{"release_memory_region", OK}, {"release_memory_region", NotPossible},
		} {
			if got := guest.call(t, step.name, pointer); got != step.want {
				t.Errorf("%s in the handler: %v, want %v", step.name, got, step.want)
			}
		}
		if freed[pointer] != 0 {
			t.Error("freed while the handler runs")
		}
		return 0
	}
	if _, err := f.Handle(changed); err != nil {
		t.Fatal(err)
	}
	mustAllocate(t, f, 51)
	if freed[pointer] != 1 {
		t.Errorf("a region was freed %d times", freed[pointer])
	}
}

func TestReadAndWriteMemory(t *testing.T) {
	guest, _ := newFake(t, nil)
	copy(guest.memory[100:], "the words")
	if got := guest.call(t, "write_memory_host", 200, 10); got != 0 {
		t.Errorf("writing an empty buffer: %v", got)
	}
	if got := guest.call(t, "read_memory_host", 100, 9); got != OK {
		t.Fatal(got)
	}
	if got := guest.call(t, "write_memory_host", 200, 3); got != 3 {
		t.Errorf("writing 3 bytes: %v", got)
	}
	if got := guest.call(t, "write_memory_host", 300, 100); got != 9 {
		t.Errorf("writing 9 bytes: %v", got)
	}
	if !bytes.Equal(guest.memory[200:204], []byte("the\x00")) || !bytes.Equal(guest.memory[300:310], []byte("the words\x00")) {
		t.Errorf("wrote %q and %q", guest.memory[200:204], guest.memory[300:310])
	}
	for _, name := range []string{"read_memory_host", "write_memory_host"} {
		for _, bad := range [][2]uint32{{100, 0}, {fakeMemorySize, 1}, {fakeMemorySize - 1, 2}, {math.MaxUint32, 1}, {math.MaxUint32, math.MaxUint32}, {1, math.MaxUint32}} {
			if got := guest.call(t, name, bad[0], bad[1]); got != Invalid {
				t.Errorf("%s(%d, %d) = %v", name, bad[0], bad[1], got)
			}
		}
	}
}

func TestHostBufferIsBounded(t *testing.T) {
	guest, f := newFake(t, nil)
	guest.memory = make([]byte, 4*bufferReserve)
	for _, length := range []uint32{1, bufferReserve / 3, bufferReserve - 1, 7, bufferReserve} {
		if got := guest.call(t, "read_memory_host", 5, length); got != OK {
			t.Errorf("reading %d bytes: %v", length, got)
		}
		if cap(f.buffer) > bufferReserve {
			t.Errorf("after %d bytes the buffer has %d", length, cap(f.buffer))
		}
	}
	for _, length := range []uint32{bufferReserve + 1, 3 * bufferReserve} {
		if got := guest.call(t, "read_memory_host", 5, length); got != NoMemory {
			t.Errorf("reading %d bytes: %v", length, got)
		}
	}
	if got := guest.call(t, "write_memory_host", 0, 2*bufferReserve); got != bufferReserve {
		t.Errorf("the buffer of before has %d bytes", got)
	}
}

func TestCallsBeforeTheHostIsReady(t *testing.T) {
	guest, f := newFake(t, delivered)
	f.memory = nil
	for _, offered := range guest.imports {
		want := NotPossible
		if offered.Name == bufferName {
			want = noBuffer
		}
		if got := guest.call(t, offered.Name, []uint32{16, 16}[:len(offered.Params)]...); got != want {
			t.Errorf("%s in the initializer: %v", offered.Name, got)
		}
	}
}

func TestSend(t *testing.T) {
	failure := error(nil)
	sent := 0
	guest, f := newFake(t, func(region *Region) error {
		sent++
		if region.Function() == nil || int(region.Len()) != len(region.Bytes()) {
			t.Error("an incomplete region was sent")
		}
		return failure
	})
	if err := f.Send(); err == nil || !strings.Contains(err.Error(), "prepare a payload first") {
		t.Errorf("sending nothing: %v", err)
	}
	spec := payloads.Spec{Kind: payloads.Bytes, Seed: 4, Size: 300}
	for range 3 {
		if err := f.Prepare(spec); err != nil {
			t.Fatal(err)
		}
		if digest, want := spec.Digest(), payloads.Digest(f.prepared.Bytes()); digest != want {
			t.Errorf("digest %x, want %x", digest, want)
		}
		if err := f.Send(); err != nil {
			t.Error(err)
		}
	}
	if sent != 3 {
		t.Errorf("sent %d times", sent)
	}

	failure = errFake
	var status Status
	guest.send = func(pointer, length uint32) Status {
		status = guest.call(t, "send_to_host", pointer, length)
		return status
	}
	if err := errors.Join(f.Prepare(spec), f.Send()); !errors.Is(err, errFake) || status != TransferFailed {
		t.Errorf("error %v and status %v of a failed transfer", err, status)
	}
	failure = nil

	for name, misbehaviour := range map[string]func(pointer, length uint32) Status{
		"without calling send_to_host": func(uint32, uint32) Status { return OK },
		"-2, unknown region":           func(_, length uint32) Status { return guest.call(t, "send_to_host", 8, length) },
		"12, no status of the ABI":     func(pointer, length uint32) Status { return guest.call(t, "send_to_host", pointer, length) + 12 },
		"-8, not possible here": func(pointer, length uint32) Status {
			guest.call(t, "send_to_host", pointer, length)
			return guest.call(t, "send_to_host", pointer, length)
		},
	} {
		guest.send = misbehaviour
		if err := f.Prepare(spec); err != nil {
			t.Fatal(err)
		}
		if err := f.Send(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "docs/guest-abi.md") {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

func TestTargetCannotSend(t *testing.T) {
	guest, f := newFake(t, nil)
	region := mustAllocate(t, f, 10)
	if got := guest.call(t, "send_to_host", region.pointer, 10); got != NotPossible {
		t.Errorf("a target sends: %v", got)
	}
	if err := f.Prepare(payloads.Spec{Kind: payloads.Text, Size: 10}); err != nil {
		t.Fatal(err)
	}
	if err := f.Send(); err == nil {
		t.Error("a target sends what was prepared")
	}
}

func TestPrepareUsesItsRegionAgain(t *testing.T) {
	guest, f := newFake(t, delivered)
	allocations, frees := 0, 0
	allocate := guest.allocate
	guest.allocate = func(length uint32) uint32 { allocations++; return allocate(length) }
	guest.free = func(uint32, uint32) { frees++ }
	for i, size := range []int64{100, 100, 200, 200, 200, 100} {
		if err := f.Prepare(payloads.Spec{Kind: payloads.Text, Seed: uint64(i), Size: size}); err != nil {
			t.Fatal(err)
		}
	}
	if allocations != 3 || frees != 2 {
		t.Errorf("%d allocations and %d frees, want 3 and 2", allocations, frees)
	}
	for _, size := range []int64{0, -1, math.MaxUint32 + 1} {
		if err := f.Prepare(payloads.Spec{Kind: payloads.Text, Size: size}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(size)) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestAllocateChecksTheGuest(t *testing.T) {
	guest, f := newFake(t, nil)
	mustAllocate(t, f, 100) // [1024, 1124)
	for _, test := range []struct {
		pointer, length uint32
		want            string
	}{
		{0, 10, "no memory for 10 bytes"},
		{fakeMemorySize, 10, "not inside its memory of 65536 bytes"},
		{fakeMemorySize - 9, 10, "not inside its memory"},
		{math.MaxUint32, 10, "not inside its memory"},
		{16, math.MaxUint32, "not inside its memory"},
		{1024, 100, "overlaps the live region of 100 bytes at 1024"},
		{1123, 1, "overlaps the live region"},
		{1000, 25, "overlaps the live region"},
		{1, 5000, "overlaps the live region"},
	} {
		guest.allocate = func(uint32) uint32 { return test.pointer }
		if _, err := f.Allocate(test.length); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("allocate_memory(%d) = %d: error %v, want %q", test.length, test.pointer, err, test.want)
		}
	}
	for _, good := range [][2]uint32{{1124, 1}, {1023, 1}, {fakeMemorySize - 5, 5}, {1, 1022}} {
		guest.allocate = func(uint32) uint32 { return good[0] }
		if _, err := f.Allocate(good[1]); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Allocate(0); err == nil {
		t.Error("allocated nothing")
	}
}

func TestReleaseExactlyOnce(t *testing.T) {
	guest, f := newFake(t, nil)
	_, other := newFake(t, nil)
	freed := 0
	guest.free = func(uint32, uint32) { freed++ }
	region := mustAllocate(t, f, 100)
	if err := other.Release(region); err == nil {
		t.Error("another function released the region")
	}
	if _, err := other.Enter(region); err == nil {
		t.Error("another function handled the region")
	}
	if err := f.Release(region); err != nil {
		t.Fatal(err)
	}
	if err := f.Release(region); err == nil {
		t.Error("released twice")
	}
	if _, err := f.Handle(region); err == nil {
		t.Error("handled after the release")
	}
	mustAllocate(t, f, 101)
	if freed != 1 {
		t.Errorf("freed %d times", freed)
	}
}

// TestIdleRegion is about the region released last, which waits for the next payload.
func TestIdleRegion(t *testing.T) {
	guest, f := newFake(t, delivered)
	allocated, freed := 0, []uint32{}
	allocate := guest.allocate
	guest.allocate = func(length uint32) uint32 { allocated++; return allocate(length) }
	guest.free = func(pointer, _ uint32) { freed = append(freed, pointer) }
	first := mustAllocate(t, f, 100)
	pointer := first.pointer
	for range 3 {
		if _, err := f.Handle(first); err != nil {
			t.Fatal(err)
		}
		if got := guest.call(t, "send_to_host", pointer, 100); got != Released {
			t.Errorf("sending an idle region: %v", got)
		}
		if got := guest.call(t, "keep_memory_region", pointer); got != Released {
			t.Errorf("keeping an idle region: %v", got)
		}
		if got := guest.call(t, "release_memory_region", pointer); got != Released {
			t.Errorf("releasing an idle region: %v", got)
		}
		for _, start := range []uint32{pointer, pointer + 10, pointer - 10} {
			if got := guest.call(t, "locate_memory_region", start, 100); got != NotPossible {
				t.Errorf("locating an idle region: %v", got)
			}
		}
		if first = mustAllocate(t, f, 100); first.pointer != pointer {
			t.Errorf("a region at %d, want the idle one at %d", first.pointer, pointer)
		}
		if got := guest.call(t, "send_to_host", pointer, 100); got != OK {
			t.Errorf("sending a region that was idle: %v", got)
		}
	}
	if allocated != 1 || len(freed) != 0 {
		t.Errorf("%d allocations and %d frees for one size", allocated, len(freed))
	}
	// Two at a time: one waits, the other goes back.
	second := mustAllocate(t, f, 100)
	other := second.pointer
	if err := errors.Join(f.Release(first), f.Release(second)); err != nil {
		t.Fatal(err)
	}
	if len(freed) != 1 || freed[0] != other {
		t.Errorf("freed %v, want %d", freed, other)
	}
	// Another length: the idle one goes back first.
	mustAllocate(t, f, 99)
	if len(freed) != 2 || freed[1] != pointer {
		t.Errorf("freed %v, want %d last", freed, pointer)
	}
	if len(f.regions.live) != 1 {
		t.Errorf("%d regions are left", len(f.regions.live))
	}
}

func TestFailureIsTheLastCall(t *testing.T) {
	guest, f := newFake(t, delivered)
	region := mustAllocate(t, f, 100)
	guest.failure = errFake
	if _, err := f.Handle(region); !errors.Is(err, errFake) {
		t.Errorf("error %v", err)
	}
	if f.inUse() != 0 {
		t.Error("the region outlives its function")
	}
	guest.failure = nil
	if _, err := f.Allocate(1); !errors.Is(err, errFake) || !strings.Contains(err.Error(), "after its failure") {
		t.Errorf("error %v of the call after", err)
	}
	if err := f.Prepare(payloads.Spec{Kind: payloads.Text, Size: 1}); !errors.Is(err, errFake) {
		t.Errorf("error %v of the call after", err)
	}
}

func TestFailingFreeOfAKeptRegion(t *testing.T) {
	guest, f := newFake(t, nil)
	region := mustAllocate(t, f, 100)
	pointer := region.pointer
	guest.handle = func(pointer, _ uint32) uint64 { guest.call(t, "keep_memory_region", pointer); return 0 }
	if _, err := f.Handle(region); err != nil {
		t.Fatal(err)
	}
	guest.free = func(uint32, uint32) { guest.failure = errFake }
	guest.call(t, "release_memory_region", pointer)
	if !errors.Is(f.broken, errFake) {
		t.Errorf("the function lives on: %v", f.broken)
	}
}

func TestClose(t *testing.T) {
	_, f := newFake(t, delivered)
	region := mustAllocate(t, f, 100)
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if region.Bytes() != nil {
		t.Error("a region of a closed function has memory")
	}
	if _, err := f.Allocate(1); err == nil || !strings.Contains(err.Error(), "is closed") {
		t.Errorf("error %v", err)
	}
	if err := f.Release(region); err != nil {
		t.Errorf("a region cannot be forgotten after the close: %v", err)
	}
}

func TestStatusNames(t *testing.T) {
	for status := OK; status >= NotPossible; status-- {
		if strings.Contains(status.String(), "no status") {
			t.Errorf("%d has no name", int32(status))
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	guest, f := newFake(t, delivered)
	guest.allocate = func(uint32) uint32 { return 1024 }
	handOff := func() {
		for round := range uint32(10) {
			region, err := f.Allocate(16 + round%2)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Handle(region); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(50, handOff); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
