package enginetest

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"rrbench/engines"
	pages "rrbench/memory"
)

// testPrivateAnonymousMemory looks into /proc/self/maps (proc_pid_maps(5)) for the kind of
// the pages that an engine says its memories consist of.
func (s *suite) testPrivateAnonymousMemory(t *testing.T) {
	if !s.engine.Capabilities().PrivateAnonymousMemory {
		t.Skip("the engine does not promise private anonymous memory")
	}
	instance := s.start(t, "plain", handlers{})
	call(t, instance, "grow", 20)
	view := instance.Memory().Bytes()
	first := uintptr(unsafe.Pointer(unsafe.SliceData(view)))
	for address := first; address < first+uintptr(len(view)); {
		end, permissions, inode := mappingAt(t, address)
		if permissions != "rw-p" || inode != 0 {
			t.Errorf("the page at %d is %s of inode %d", address-first, permissions, inode)
		}
		address = end
	}
}

func mappingAt(t *testing.T, address uintptr) (end uintptr, permissions string, inode uint64) {
	t.Helper()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var start uintptr
		var offset, device string
		if _, err := fmt.Sscanf(strings.TrimSpace(lines.Text()), "%x-%x %s %s %s %d", &start, &end, &permissions, &offset, &device, &inode); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if start <= address && address < end {
			return end, permissions, inode
		}
	}
	t.Fatalf("nothing is mapped at %#x", address)
	return 0, "", 0
}

// testTrapsUnderLoad makes guests fault while the Go runtime interrupts threads with its
// own signals: both share the process's signal handlers.
func (s *suite) testTrapsUnderLoad(t *testing.T) {
	module := s.module(t, "plain")
	done := make(chan struct{})
	var collector, group sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	})
	for range 4 {
		group.Go(func() {
			for range 50 {
				instance, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "guest"})
				if err != nil {
					t.Error(err)
					return
				}
				for _, name := range []string{"load", "trap", "divide"} {
					f, _ := instance.Function(name)
					if err := f.Call([]uint64{0xfffffff0, 0}); err == nil {
						t.Errorf("%s did not trap", name)
					}
				}
				if err := instance.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	close(done)
	collector.Wait()
}

// Place looks whether an engine's memories begin where windows can be (package memory).
func Place(t *testing.T, open New) {
	t.Helper()
	s := newSuite(t, open)
	for range 5 {
		base := uintptr(unsafe.Pointer(unsafe.SliceData(s.start(t, "plain", handlers{}).Memory().Bytes())))
		if place := pages.LinearPlace; base%uintptr(place.Modulus) != uintptr(place.Offset) {
			t.Errorf("a memory begins at %#x", base)
		}
	}
}
