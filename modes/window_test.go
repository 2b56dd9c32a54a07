package modes

import (
	"encoding/binary"
	"testing"

	"rrbench/memory"
	"rrbench/transport"
	"rrbench/workloads/hostile"
)

func loadWithWindow(t *testing.T, setup transport.Setup) *Function {
	t.Helper()
	f, err := LoadWithWindow(t.Context(), setup, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := f.Windowless(); err != nil {
		t.Fatal(err)
	}
	return f
}

// A window is for one payload, and for nothing that the guest makes known or allocates.
func TestOnePayloadAWindow(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		setup := transport.Setup{Engine: engine, Size: 1 << 20, Guest: hostile.Guest(t, "calls")}
		f := loadWithWindow(t, setup)
		call := func(operation, a, b uint32) int64 {
			command := binary.LittleEndian.AppendUint32(nil, operation)
			command = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(command, a), b)
			answer, err := handOff(f, command)
			if err != nil {
				t.Fatal(err)
			}
			return int64(answer)
		}
		const locate, keep, release, allocate = 2, 3, 4, 7
		start, end := uint32(memory.WindowStart), uint32(memory.WindowEnd())
		if status := call(locate, start, 100); status != int64(NotPossible) {
			t.Errorf("the guest has located a window that is not in use: %d", status)
		}
		region := f.AllocateInWindow(1000)
		if region == nil || region.Pointer() != start || region.Len() != 1000 || len(region.Window()) != memory.Window {
			t.Fatalf("%+v", region)
		}
		if f.AllocateInWindow(1000) != nil {
			t.Error("two payloads in one window")
		}
		for _, at := range []uint32{start - 50, start + 50, start + 2000, end - 50} {
			if status := call(locate, at, 100); status != int64(Invalid) {
				t.Errorf("located at %d: %d", at, status)
			}
		}
		if status := call(keep, start, 0); status != int64(NotPossible) {
			t.Errorf("kept outside of the handler: %d", status)
		}
		for range 20 {
			if at := uint32(call(allocate, 10<<20, 0)); at != 0 && at < end && at+10<<20 > start {
				t.Errorf("the guest has memory at %d", at)
			}
		}
		if err := f.Release(region); err != nil {
			t.Fatal(err)
		}
		if status := call(release, start, 0); status != int64(Released) {
			t.Errorf("released once more: %d", status)
		}
		if f.Release(region) == nil || f.AllocateInWindow(uint32(memory.Window)+1) != nil || f.AllocateInWindow(uint32(memory.Window)) != region {
			t.Error("a window is not as long as a window")
		}
	})
}

// What a guest keeps in its window is gone when it gives it back, and the window is free again.
func TestKeptInTheWindow(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		setup := transport.Setup{Engine: engine, Size: 1 << 20, Guest: hostile.Guest(t, "handle-keeps")}
		f := loadWithWindow(t, setup)
		region := f.AllocateInWindow(5000)
		region.Bytes()[4999] = 1
		if _, err := f.Handle(region); err != nil {
			t.Fatal(err)
		}
		if f.AllocateInWindow(1) != nil {
			t.Fatal("the window is free, and the guest keeps what is in it")
		}
		stack := []uint64{uint64(memory.WindowStart)}
		if status, err := f.giveBack(stack); status != OK || err != nil {
			t.Fatal(status, err)
		}
		if again := f.AllocateInWindow(5000); again != region || region.Kept() || region.Bytes()[4999] != 0 {
			t.Error("the window is not as it was")
		}
	})
}

// A guest that takes all the memory it can get has what the limit says, and the window's address space.
func TestWindowLimit(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		setup := transport.Setup{Engine: engine, Size: 1 << 20, Guest: hostile.Guest(t, "handle-grows")}
		f := loadWithWindow(t, setup)
		if _, err := handOff(f, []byte("take it all")); err != nil {
			t.Fatal(err)
		}
		if size, limit := f.memory.Size(), memoryLimit(setup)+uint64(memory.WindowEnd()); size > limit || size < limit-1<<20 {
			t.Errorf("it has %d bytes, the limit is %d", size, limit)
		}
	})
}
