package memory

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// fileOf makes a memory file with a different byte in each page.
func fileOf(t *testing.T, count int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("rrbench-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	for i := range count {
		if _, err := unix.Pwrite(fd, bytes.Repeat([]byte{byte(i + 1)}, Size), int64(i*Size)); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

func blankOf(t *testing.T, count int) []byte {
	t.Helper()
	memory, err := Reserve(count * Size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Free(memory) })
	if err := Blank(memory); err != nil {
		t.Fatal(err)
	}
	return memory
}

func expect(t *testing.T, what string, memory []byte, want ...byte) {
	t.Helper()
	for i, value := range want {
		if page := memory[i*Size : (i+1)*Size]; page[0] != value || page[Size-1] != value {
			t.Errorf("%s: page %d is %d, not %d", what, i, page[0], value)
		}
	}
}

func TestFilesInMemory(t *testing.T) {
	fd := fileOf(t, 4)
	memory, shared, elsewhere := blankOf(t, 6), blankOf(t, 4), blankOf(t, 4)
	fill(memory[:Size], 99)
	private := memory[Size : 5*Size]
	if err := MapShared(shared, fd, 0); err != nil {
		t.Fatal(err)
	}
	if err := MapPrivate(private, fd, 0); err != nil {
		t.Fatal(err)
	}
	expect(t, "mapped", memory, 99, 1, 2, 3, 4, 0)
	fill(private[Size:3*Size], 50)
	expect(t, "written privately", private, 1, 50, 50, 4)
	expect(t, "written privately elsewhere", shared, 1, 2, 3, 4)
	fill(shared[3*Size:], 40)
	fill(shared[2*Size:3*Size], 30)
	expect(t, "written to the file", private, 1, 50, 50, 40)

	// Moved, a mapping stays what it is, with what was written to it.
	if err := Move(elsewhere, private); err != nil {
		t.Fatal(err)
	}
	expect(t, "moved", elsewhere, 1, 50, 50, 40)
	if err := Blank(private); err != nil {
		t.Fatal(err)
	}
	expect(t, "blank", memory, 99, 0, 0, 0, 0, 0)
	_, scratch, err := Revert(elsewhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "reverted", elsewhere, 1, 2, 30, 40)
	fill(shared[:Size], 10)
	expect(t, "written to the file after that", elsewhere, 10, 2, 30, 40)
	// Again, with nothing to do, and with all of it.
	if _, _, err = Revert(elsewhere, scratch); err != nil {
		t.Fatal(err)
	}
	fill(elsewhere, 7)
	if _, _, err = Revert(elsewhere, scratch); err != nil {
		t.Fatal(err)
	}
	expect(t, "reverted", elsewhere, 10, 2, 30, 40)
	// From the middle of the file, twice in the same place.
	for range 2 {
		if err := MapPrivate(elsewhere[:2*Size], fd, int64(2*Size)); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "from the middle", elsewhere, 30, 40, 30, 40)
}

func TestRevertManyPages(t *testing.T) {
	const count = entriesRead + 100
	fd := fileOf(t, 1)
	if err := unix.Ftruncate(fd, int64(count*Size)); err != nil {
		t.Fatal(err)
	}
	memory := blankOf(t, count)
	if err := MapPrivate(memory, fd, 0); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < count; i += 3 {
		memory[i*Size] = 9
	}
	fill(memory[(entriesRead-2)*Size:(entriesRead+2)*Size], 8)
	if _, _, err := Revert(memory, nil); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		want := byte(0)
		if i == 0 {
			want = 1
		}
		if memory[i*Size] != want {
			t.Fatalf("page %d is %d", i, memory[i*Size])
		}
	}
}

func TestFilesAreRefused(t *testing.T) {
	fd := fileOf(t, 2)
	memory := blankOf(t, 3)
	fill(memory, 5)
	for name, err := range map[string]error{
		"no pages":        MapPrivate(nil, fd, 0),
		"half a page":     MapPrivate(memory[:Size/2], fd, 0),
		"between pages":   MapShared(memory[8:Size+8], fd, 0),
		"odd offset":      MapShared(memory[:Size], fd, 8),
		"no descriptor":   MapPrivate(memory[:Size], -1, 0),
		"reverting parts": func() error { _, _, err := Revert(memory[1:], nil); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	expect(t, "after refusals", memory, 5, 5, 5)
}

func TestDetach(t *testing.T) {
	fd := fileOf(t, 4)
	memory, shared := blankOf(t, 4), blankOf(t, 4)
	if err := MapShared(shared, fd, 0); err != nil {
		t.Fatal(err)
	}
	if err := MapPrivate(memory, fd, 0); err != nil {
		t.Fatal(err)
	}
	fill(memory[Size:2*Size], 50)
	if err := Detach(memory); err != nil {
		t.Fatal(err)
	}
	fill(shared, 60)
	expect(t, "detached", memory, 1, 50, 3, 4)
	expect(t, "the file", shared, 60, 60, 60, 60)
}
