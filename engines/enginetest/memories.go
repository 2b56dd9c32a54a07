package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"rrbench/engines"
)

const refused = math.MaxUint32 // memory.grow answers -1

func (s *suite) testMemoryView(t *testing.T) {
	instance := s.start(t, "plain", handlers{})
	memory := instance.Memory()
	if !s.module(t, "plain").ExportsMemory() {
		t.Error("the module does not say that it exports a memory")
	}
	if memory.Size() != engines.PageSize || len(memory.Bytes()) != engines.PageSize || cap(memory.Bytes()) != engines.PageSize {
		t.Fatalf("size %d, view of %d with capacity %d", memory.Size(), len(memory.Bytes()), cap(memory.Bytes()))
	}
	if got := string(memory.Bytes()[:5]); got != "guest" {
		t.Errorf("data segment is %q", got)
	}
	call(t, instance, "store", 1000, 0x04030201)
	if got := memory.Bytes()[1000:1004]; !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("host sees %v", got)
	}
	copy(memory.Bytes()[engines.PageSize-4:], []byte{5, 6, 7, 8})
	if got := call(t, instance, "load", engines.PageSize-4); got != 0x08070605 {
		t.Errorf("guest sees %#x", got)
	}
}

func (s *suite) testMemoryGrowth(t *testing.T) {
	instance := s.start(t, "plain", handlers{})
	memory := instance.Memory()
	copy(memory.Bytes()[100:], "contents")
	base := &memory.Bytes()[0]
	for pages := uint64(1); pages < 700; pages *= 3 {
		if got := call(t, instance, "grow", 2*pages); got != pages {
			t.Fatalf("growing %d pages by %d gave %d", pages, 2*pages, int32(got))
		}
		if got := memory.Size(); got != 3*pages*engines.PageSize {
			t.Errorf("size is %d", got)
		}
		if got := call(t, instance, "size"); got != 3*pages {
			t.Errorf("guest sees %d pages", got)
		}
		view := memory.Bytes()
		if string(view[100:108]) != "contents" || view[len(view)-1] != 0 {
			t.Error("contents are lost")
		}
		if s.engine.Capabilities().StableBase && base != &view[0] {
			t.Error("the base moved")
		}
		view[len(view)-1] = 9
		if got := call(t, instance, "load", uint64(len(view)-4)); got != 9<<24 {
			t.Errorf("guest sees %#x", got)
		}
	}
}

func (s *suite) testMemoryLimit(t *testing.T) {
	instance := instantiate(t, s.module(t, "plain"), engines.InstanceConfig{MemoryLimit: 3*engines.PageSize + 5})
	for _, test := range []struct{ pages, want uint64 }{{3, refused}, {1, 1}, {2, refused}, {1, 2}, {1, refused}, {0, 3}} {
		if got := call(t, instance, "grow", test.pages); got != test.want {
			t.Errorf("growing by %d gave %d, want %d", test.pages, int32(got), int32(test.want))
		}
	}
	if got := instance.Memory().Size(); got != 3*engines.PageSize {
		t.Errorf("size is %d", got)
	}
	instance = instantiate(t, s.module(t, "bounded"), engines.InstanceConfig{MemoryLimit: 1 << 30})
	if got := call(t, instance, "grow", 2); got != refused {
		t.Errorf("growing beyond the declared maximum gave %d", int32(got))
	}
	if got := call(t, instance, "grow", 1); got != 2 {
		t.Errorf("growing to the declared maximum gave %d", int32(got))
	}
}

func (s *suite) testMemoryTooLarge(t *testing.T) {
	for _, test := range []struct {
		guest        string
		pages, limit uint64
	}{
		{"large", 65536, 1 << 30},
		{"large-hidden", 65536, 1 << 30},
		{"bounded", 2, engines.PageSize},
		{"hidden", 2, engines.PageSize},
		{"hidden", 2, engines.PageSize - 1},
		{"plain", 1, engines.PageSize - 1},
	} {
		err := refusal(t, s.module(t, test.guest), engines.InstanceConfig{Name: "guest", MemoryLimit: test.limit})
		var tooLarge *engines.MemoryTooLarge
		if !errors.As(err, &tooLarge) {
			t.Fatalf("%s: error is %v", test.guest, err)
		}
		for _, number := range []uint64{test.pages * engines.PageSize, test.limit &^ (engines.PageSize - 1)} {
			if !strings.Contains(err.Error(), fmt.Sprint(number)) {
				t.Errorf("%s: error %q lacks %d", test.guest, err, number)
			}
		}
	}
}

// testWholeAddressSpace grows as far as it goes: 4 GiB, or a page less on an engine that
// counts bytes in 32 bits.
func (s *suite) testWholeAddressSpace(t *testing.T) {
	instance := s.start(t, "plain", handlers{})
	if call(t, instance, "grow", 65535) == refused && call(t, instance, "grow", 65534) == refused {
		t.Skip("this machine does not give 4 GiB of address space to a linear memory")
	}
	memory := instance.Memory()
	size := memory.Size()
	if size < engines.AddressSpace-engines.PageSize || uint64(len(memory.Bytes())) != size {
		t.Fatalf("size %d, view of %d", size, len(memory.Bytes()))
	}
	call(t, instance, "store", size-4, 7)
	if got := memory.Bytes()[size-4]; got != 7 {
		t.Errorf("the last word begins with %d", got)
	}
	if _, err := tryCall(t, instance, "load", size-3); err == nil {
		t.Error("a load across the end worked")
	}
}

func (s *suite) testHiddenMemory(t *testing.T) {
	for _, name := range []string{"empty", "hidden", "other-name"} {
		if s.start(t, name, handlers{}).Memory() != nil || s.module(t, name).ExportsMemory() {
			t.Errorf("%s: the memory is visible", name)
		}
	}
}

func (s *suite) testMemorySeenByHost(t *testing.T) {
	var size uint64
	instance := s.start(t, "hosted", handlers{
		nothing: func(caller engines.Instance, _ []uint64) error {
			size = caller.Memory().Size()
			view := caller.Memory().Bytes()
			view[len(view)-1] = 1
			return nil
		},
	})
	call(t, instance, "grow_and_call")
	if size != 2*engines.PageSize {
		t.Errorf("the host sees %d bytes after the guest grew", size)
	}
}

func (s *suite) testNestedGrowth(t *testing.T) {
	instance := s.start(t, "hosted", handlers{
		nothing: func(caller engines.Instance, _ []uint64) error {
			before := caller.Memory().Size()
			grow, _ := caller.Function("grow")
			if err := grow.Call([]uint64{3}); err != nil {
				return err
			}
			if got := caller.Memory().Size() - before; got != 3*engines.PageSize {
				return fmt.Errorf("the view grew by %d bytes", got)
			}
			return nil
		},
	})
	call(t, instance, "nothing")
	if got := instance.Memory().Size(); got != 4*engines.PageSize {
		t.Errorf("size is %d", got)
	}
}
