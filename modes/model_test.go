package modes

import (
	"encoding/binary"
	"testing"
)

// model is what the host's record of regions should do, written plainly: a list in no
// order, searched from end to end.
type model struct {
	regions []*modelRegion
	// gone are the pointers released last, the latest first.
	gone []uint32
}

type modelRegion struct {
	pointer, length     uint64
	located, kept, idle bool
}

// covers returns the lowest region that shares a byte with the range.
func (m *model) covers(pointer, length uint64) (lowest *modelRegion) {
	for _, region := range m.regions {
		apart := region.pointer+region.length <= pointer || pointer+length <= region.pointer
		if !apart && (lowest == nil || region.pointer < lowest.pointer) {
			lowest = region
		}
	}
	return lowest
}

func (m *model) at(pointer uint64) (*modelRegion, Status) {
	for _, region := range m.regions {
		if region.pointer == pointer && !region.idle {
			return region, OK
		}
		if region.pointer == pointer {
			return nil, Released
		}
	}
	for i := 0; i < len(m.gone) && i < 16; i++ {
		if uint64(m.gone[i]) == pointer {
			return nil, Released
		}
	}
	return nil, UnknownRegion
}

func (m *model) remove(region *modelRegion) {
	for i, r := range m.regions {
		if r == region {
			m.regions = append(m.regions[:i:i], m.regions[i+1:]...)
		}
	}
	m.gone = append([]uint32{uint32(region.pointer)}, m.gone...)
}

func valid(pointer, length uint64) bool { return length > 0 && pointer+length <= fakeMemorySize }

func (m *model) send(pointer, length uint64) Status {
	if !valid(pointer, length) {
		return Invalid
	}
	region, status := m.at(pointer)
	if region != nil && region.length != length {
		return LengthDiffers
	}
	return status
}

func (m *model) locate(pointer, length uint64) Status {
	if !valid(pointer, length) {
		return Invalid
	}
	region := m.covers(pointer, length)
	switch {
	case region == nil:
		m.regions = append(m.regions, &modelRegion{pointer: pointer, length: length, located: true})
		return OK
	case region.idle:
		return NotPossible
	case region.pointer == pointer && region.length == length:
		return OK
	case region.pointer == pointer:
		return LengthDiffers
	}
	return Invalid
}

func (m *model) release(pointer uint64) Status {
	region, status := m.at(pointer)
	if region == nil {
		return status
	}
	if !region.located && !region.kept {
		return NotPossible
	}
	m.remove(region)
	return OK
}

func (m *model) idle() *modelRegion {
	for _, region := range m.regions {
		if region.idle {
			return region
		}
	}
	return nil
}

// finish is the host's own release: one region waits for the next payload.
func (m *model) finish(region *modelRegion) {
	if m.idle() == nil {
		region.idle = true
		return
	}
	m.remove(region)
}

// allocate says whether the host accepts what the guest's allocator returned, and where
// the region is: the idle one is taken without asking.
func (m *model) allocate(pointer, length uint64) (at uint64, ok bool) {
	if idle := m.idle(); idle != nil {
		if idle.length == length {
			idle.idle = false
			return idle.pointer, true
		}
		m.remove(idle)
	}
	return pointer, m.allocateFresh(pointer, length)
}

func (m *model) allocateFresh(pointer, length uint64) bool {
	if pointer == 0 || !valid(pointer, length) || m.covers(pointer, length) != nil {
		return false
	}
	m.regions = append(m.regions, &modelRegion{pointer: pointer, length: length})
	return true
}

// FuzzRegions compares the host's answers with the model's for any sequence of calls with
// any pointers and lengths.
func FuzzRegions(f *testing.F) {
	step := func(operation byte, pointer, length uint32) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32([]byte{operation}, pointer), length)
	}
	join := func(steps ...[]byte) (all []byte) {
		for _, s := range steps {
			all = append(all, s...)
		}
		return all
	}
	f.Add(join(step(0, 100, 50), step(1, 100, 50), step(1, 149, 1), step(2, 100, 50), step(3, 100, 0), step(3, 100, 0), step(4, 100, 0)))
	f.Add(join(step(0, 65535, 1), step(0, 65535, 2), step(2, 0xFFFFFFFF, 0xFFFFFFFF), step(1, 0, 0xFFFFFFFF)))
	f.Add(join(step(1, 10, 10), step(1, 20, 10), step(1, 19, 2), step(0, 15, 10), step(4, 10, 10), step(4, 10, 10)))
	f.Add(join(step(0, 1000, 100), step(5, 1000, 0), step(2, 1000, 100), step(4, 1000, 0), step(0, 1000, 100), step(3, 1000, 0)))

	f.Fuzz(func(t *testing.T, script []byte) {
		guest, function := newFake(t, delivered)
		var m model
		held := map[uint32]*Region{}
		for step := 0; len(script) >= 9 && step < 500; step, script = step+1, script[9:] {
			operation := script[0] % 6
			pointer := binary.LittleEndian.Uint32(script[1:5])
			length := binary.LittleEndian.Uint32(script[5:9])
			// Half of the scripts' numbers are far outside otherwise.
			if script[0]&0x80 == 0 {
				pointer %= fakeMemorySize + 3
				length %= 300
			}
			got, want := OK, OK
			switch operation {
			case 0:
				guest.allocate = func(uint32) uint32 { return pointer }
				region, err := function.Allocate(length)
				at, accepted := m.allocate(uint64(pointer), uint64(length))
				if (err == nil) != accepted {
					t.Fatalf("allocate(%d) = %d: error %v, the model accepts: %v", length, pointer, err, accepted)
				}
				if err == nil {
					if uint64(region.pointer) != at {
						t.Fatalf("allocate(%d): a region at %d, the model says %d", length, region.pointer, at)
					}
					held[region.pointer] = region
					if view := region.Bytes(); uint32(len(view)) != length || cap(view) != len(view) {
						t.Fatalf("a view of %d and capacity %d of a region of %d bytes", len(view), cap(view), length)
					}
				}
			case 1:
				got, want = guest.call(t, "locate_memory_region", pointer, length), m.locate(uint64(pointer), uint64(length))
			case 2:
				got, want = guest.call(t, "send_to_host", pointer, length), m.send(uint64(pointer), uint64(length))
			case 3:
				if region := held[pointer]; region != nil && !region.kept {
					if err := function.Release(region); err != nil {
						t.Fatal(err)
					}
					known, _ := m.at(uint64(pointer))
					m.finish(known)
					delete(held, pointer)
				}
			case 4:
				got, want = guest.call(t, "release_memory_region", pointer), m.release(uint64(pointer))
				if got == OK {
					delete(held, pointer)
				}
			case 5:
				if region := held[pointer]; region != nil && !region.handled {
					guest.handle = func(pointer, _ uint32) uint64 {
						got = guest.call(t, "keep_memory_region", pointer)
						return 0
					}
					if _, err := function.Handle(region); err != nil {
						t.Fatal(err)
					}
					known, _ := m.at(uint64(pointer))
					known.kept = true
				} else {
					got = guest.call(t, "keep_memory_region", pointer)
					if _, want = m.at(uint64(pointer)); want == OK {
						want = NotPossible
					}
				}
			}
			if got != want {
				t.Fatalf("operation %d (%d, %d): %v, the model says %v", operation, pointer, length, got, want)
			}
			if len(function.regions.live) != len(m.regions) {
				t.Fatalf("%d live regions, the model has %d", len(function.regions.live), len(m.regions))
			}
		}
		for i, region := range function.regions.live[:max(0, len(function.regions.live)-1)] {
			if region.end() > uint64(function.regions.live[i+1].pointer) {
				t.Fatal("regions overlap or are out of order")
			}
		}
	})
}
