package memory

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func sealedFile(t *testing.T, area []byte) *SealedFile {
	t.Helper()
	f, err := NewSealedFile(area)
	if err != nil {
		t.Skip("no sealed memory files here: ", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// What is written through the file's one mapping is in the file, wherever its pages have moved;
// nothing else can write to it, and its length is final.
func TestSealedFile(t *testing.T) {
	area := blankOf(t, 3)
	f := sealedFile(t, area)
	if err := Move(area, f.Place); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		fill(area[i*Size:(i+1)*Size], byte(i+1))
	}
	read := make([]byte, 2*Size)
	if err := ReadFile(f.Descriptor(), read, int64(Size)); err != nil {
		t.Fatal(err)
	}
	expect(t, "the file", read, 2, 3)
	if err := Move(f.Place, area); err != nil {
		t.Fatal(err)
	}
	expect(t, "the place", f.Place, 1, 2, 3)
	if _, err := CheckSealed(f.Descriptor(), uint64(3*Size)); err != nil {
		t.Error(err)
	}
	if _, err := unix.Pwrite(f.Descriptor(), []byte{9}, 0); err == nil {
		t.Error("the file was written to")
	}
	for _, length := range []int64{int64(Size), int64(4 * Size)} {
		if unix.Ftruncate(f.Descriptor(), length) == nil {
			t.Errorf("the file's length became %d", length)
		}
	}
	if err := MapShared(area, f.Descriptor(), 0); err == nil {
		t.Error("there is another mapping to write through")
	}
	if err := ReadFile(f.Descriptor(), read, int64(2*Size)); err == nil || !strings.Contains(err.Error(), "ends") {
		t.Errorf("read beyond the end: %v", err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckSealed(t *testing.T) {
	f := sealedFile(t, blankOf(t, 2))
	other := sealedFile(t, blankOf(t, 2))
	first, err := CheckSealed(f.Descriptor(), uint64(2*Size))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := CheckSealed(f.Descriptor(), 1); err != nil || again != first {
		t.Errorf("the same file is %v and %v, %v", first, again, err)
	}
	if second, err := CheckSealed(other.Descriptor(), 1); err != nil || second == first {
		t.Errorf("another file is %v, too, %v", second, err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for want, test := range map[string]struct {
		fd   int
		size uint64
	}{
		"announced are":        {f.Descriptor(), uint64(2*Size) + 1},
		"lacks seals":          {fileOf(t, 2), 1},
		"not of a memory file": {pipe[0], 1},
	} {
		if _, err := CheckSealed(test.fd, test.size); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// A mapping that comes out of the cache shows what the file holds now, and nothing of what was
// written to it before.
func TestMappingCache(t *testing.T) {
	source := blankOf(t, 2)
	f := sealedFile(t, source)
	id, err := CheckSealed(f.Descriptor(), uint64(2*Size))
	if err != nil {
		t.Fatal(err)
	}
	area := blankOf(t, 2)
	var cache MappingCache
	mapIt := func(key uint64) *Slot {
		t.Helper()
		slot, err := cache.Map(key, f.Descriptor(), id, 0, area)
		if err != nil {
			t.Fatal(err)
		}
		return slot
	}
	fill(f.Place, 1)
	slot := mapIt(1)
	expect(t, "mapped", area, 1, 1)
	fill(area[Size:], 99)
	cache.Put(slot, area, true)
	expect(t, "put back", area, 1, 1) // what was moved away shows the file again
	fill(f.Place, 2)
	if again := mapIt(2); again != slot {
		t.Error("the mapping was not used again")
	}
	expect(t, "mapped again", area, 2, 2)
	if other := blankOf(t, 2); bytes.Equal(other, area) {
		t.Error("fresh memory shows the file")
	} else if second, err := cache.Map(3, f.Descriptor(), id, 0, other); err != nil || second == slot {
		t.Errorf("a mapping that is in use was given away, %v", err)
	}
	cache.Forget(2) // not what is in use
	cache.Put(slot, area, false)
	if again := mapIt(2); again != slot {
		t.Error("a mapping in use was forgotten")
	}
	cache.Put(slot, area, false)
	cache.Forget(2)
	if again := mapIt(2); again == slot {
		t.Error("the mapping was not forgotten")
	}
	// More than it keeps.
	for range 2 * slotLimit {
		other := sealedFile(t, area)
		id, err := CheckSealed(other.Descriptor(), 1)
		if err != nil {
			t.Fatal(err)
		}
		slot, err := cache.Map(3, other.Descriptor(), id, 0, area)
		if err != nil {
			t.Fatal(err)
		}
		cache.Put(slot, area, true)
	}
	if n := len(cache.slots); n != slotLimit {
		t.Errorf("%d mappings are kept, not %d", n, slotLimit)
	}
	cache.Put(nil, area, true)
	if err := cache.Clear(); err != nil || len(cache.slots) != 0 {
		t.Errorf("%d mappings are left, %v", len(cache.slots), err)
	}
}

// A file for windows is address space that is populated as payloads need it, and it is noticed when
// something touches more of it.
func TestSealedWindow(t *testing.T) {
	f, err := NewSealedWindow()
	if err != nil {
		t.Skip("no sealed memory files here: ", err)
	}
	defer f.Close()
	if !IsWindow(f.Place) {
		t.Error("its place is no window's")
	}
	if _, err := CheckSealed(f.Descriptor(), uint64(Window)); err != nil {
		t.Error(err)
	}
	for _, length := range []int{3 * Size, Block + Size, Block, 5*Block + 3*Size} {
		if err := f.Populate(f.Place[:length]); err != nil {
			t.Fatal(err)
		}
		if there := f.count() * 512; there < int64(length) || there > int64(max(length, f.populated))+int64(Block) {
			t.Errorf("%d bytes are there after %d", there, length)
		}
		fill(f.Place[:length], 7)
		if f.Swollen() {
			t.Errorf("touching what was populated counts, %d bytes", length)
		}
	}
	f.Place[Window-1] = 1
	if !f.Swollen() {
		t.Error("what was touched elsewhere is not noticed")
	}
	if err := f.Populate(f.Place[:6*Block]); err != nil || f.Swollen() {
		t.Errorf("after populating more: %v", err)
	}
}

// A file of the system's huge pages is refused: there may be none when one is touched.
func TestHugePagesAreRefused(t *testing.T) {
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_HUGETLB)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(Window)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckSealed(fd, uint64(Window)); err == nil || !strings.Contains(err.Error(), "may not be there") {
		t.Error(err)
	}
}
