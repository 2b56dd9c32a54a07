package memory

import "testing"

// windowed is one mapping that is as long as two windows and begins where one does.
func windowed(t *testing.T) []byte {
	t.Helper()
	area, err := ReserveAt(2*Window, Alignment{Modulus: uintptr(Window)})
	if err == nil {
		err = Blank(area)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Free(area); err != nil {
			t.Error(err)
		}
	})
	return area
}

func TestWindowsMove(t *testing.T) {
	if err := CanMove(); err != nil {
		t.Fatal(err)
	}
	a, b := windowed(t), windowed(t)
	for _, area := range [][]byte{a, b} {
		if !IsWindow(area[:Window]) || !IsWindow(area[Window:]) {
			t.Fatal("an aligned GiB in one mapping is no window")
		}
		if IsWindow(area[:Window-Size]) || IsWindow(area[Size:Window+Size]) {
			t.Error("a window is something shorter, or begins anywhere")
		}
	}
	before := mappings(t)
	for round := range 100 {
		fill(a[:5*Size], byte(round+1))
		if err := Move(b[:Window], a[:Window]); err != nil {
			t.Fatal(err)
		}
		if !all(b[:5*Size], byte(round+1)) || !all(a[:6*Size], 0) || !all(b[5*Size:9*Size], 0) {
			t.Fatal("something else has moved")
		}
		if err := Move(a[:Window], b[:Window]); err != nil {
			t.Fatal(err)
		}
		if !IsWindow(a[:Window]) || !IsWindow(b[:Window]) {
			t.Fatal("what has moved is no window any more")
		}
	}
	if err := Drop(a[Size:]); err != nil || !all(a[:Size], 100) || !all(a[Size:6*Size], 0) {
		t.Errorf("dropped something else: %v", err)
	}
	if after := mappings(t); after > before+8 {
		t.Errorf("%d mappings, %d before", after, before)
	}
}

// Memories begin where their windows are aligned, whatever has been mapped before.
func TestLinearPlace(t *testing.T) {
	for _, length := range []int{Size, 100 << 20, 3 << 30} {
		area, err := ReserveAt(length, LinearPlace)
		if err != nil {
			t.Fatal(err)
		}
		if len(area) != length || (address(area)+uintptr(WindowStart))%uintptr(Window) != 0 {
			t.Errorf("%d bytes at %#x", len(area), address(area))
		}
		if err := Free(area); err != nil {
			t.Error(err)
		}
	}
}
