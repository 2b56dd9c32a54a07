package memory

import (
	"bytes"
	"math"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"rrbench/payloads"
)

// memory maps some that can be read and written, with guards of one page around it that
// must not change.
func memory(t *testing.T, length int) []byte {
	t.Helper()
	mapped, err := unix.Mmap(-1, 0, length+2*Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	guards := [][]byte{mapped[:Size], mapped[Size+length:]}
	for _, guard := range guards {
		fill(guard, 0xEE)
	}
	t.Cleanup(func() {
		for _, guard := range guards {
			if bytes.Count(guard, []byte{0xEE}) != len(guard) {
				t.Error("bytes beside the memory have changed")
			}
		}
		if err := unix.Munmap(mapped); err != nil {
			t.Error(err)
		}
	})
	return mapped[Size : Size+length : Size+length]
}

func fill(memory []byte, value byte) {
	for i := range memory {
		memory[i] = value
	}
}

func all(memory []byte, value byte) bool { return bytes.Count(memory, []byte{value}) == len(memory) }

func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte{'\n'})
}

func TestWhole(t *testing.T) {
	base := memory(t, 4*Size)
	for _, test := range []struct{ from, length, wantFrom, wantTo int }{
		{0, 0, 0, 0}, {0, 1, 0, 0}, {0, Size - 1, 0, 0}, {0, Size, 0, Size}, {0, Size + 1, 0, Size}, {0, 2 * Size, 0, 2 * Size},
		{1, Size, 0, 0}, {1, Size - 1, 0, 0}, {1, 2*Size - 2, 0, 0}, {1, 2*Size - 1, Size - 1, 2*Size - 1}, {1, 2 * Size, Size - 1, 2*Size - 1},
		{Size - 1, 1, 0, 0}, {Size - 1, Size, 0, 0}, {Size - 1, Size + 1, 1, Size + 1}, {Size - 16, 3 * Size, 16, 2*Size + 16},
	} {
		from, to := Whole(base[test.from : test.from+test.length])
		if from != test.wantFrom || to != test.wantTo {
			t.Errorf("%d bytes at %d: [%d, %d), want [%d, %d)", test.length, test.from, from, to, test.wantFrom, test.wantTo)
		}
	}
	if from, to := Whole(nil); from != 0 || to != 0 {
		t.Error("nothing has whole pages")
	}
}

func TestBlocks(t *testing.T) {
	base := memory(t, 4*Block)
	base = base[Boundary(Block).Skip(base):]
	for _, test := range []struct{ from, length, wantFrom, wantTo int }{
		{0, Block - 1, 0, 0}, {0, Block, 0, Block}, {Size, Block, 0, 0}, {Size, 2*Block - Size, Block - Size, 2*Block - Size},
		{0, 3*Block - 1, 0, 2 * Block}, {16, 2*Block + 16, Block - 16, 2*Block - 16},
	} {
		from, to := Blocks(base[test.from : test.from+test.length])
		if from != test.wantFrom || to != test.wantTo {
			t.Errorf("%d bytes at %d: [%d, %d), want [%d, %d)", test.length, test.from, from, to, test.wantFrom, test.wantTo)
		}
	}
}

func TestAlignment(t *testing.T) {
	base := memory(t, 7<<20)
	for _, length := range []int{1, Size, 3*Size + 7, 4<<20 - 1, 4 << 20, 5 << 20} {
		for _, start := range []int{0, 1, 16, Size - 1, Size, 12345} {
			source := base[start : start+length]
			for _, before := range []int{0, 1, Size, Block + 5} {
				alignment := AlignmentOf(source).Before(before)
				for _, at := range []int{0, 16, 4080, 99999} {
					skip := alignment.Skip(base[at:])
					if skip < 0 || skip >= int(alignment.Slack()) {
						t.Fatalf("skip %d of slack %d", skip, alignment.Slack())
					}
					if apart := address(base[at+skip:]) + uintptr(before) - address(source); apart%uintptr(Block) != 0 {
						t.Fatalf("%d bytes at %d: %d apart", length, start, apart)
					}
				}
			}
		}
	}
	if Boundary(Block).Modulus != uintptr(Block) || Boundary(Block-1).Modulus != uintptr(Size) {
		t.Error("memory begins with a block where there is none, or does not where there is one")
	}
	for length, want := range map[int]int{0: 0, 1: Size, Size: Size, Size + 1: 2 * Size} {
		if got := Enough(length); got != want {
			t.Errorf("%d bytes take %d, want %d", length, got, want)
		}
	}
}

func TestMove(t *testing.T) {
	for _, length := range []int{Size, 2 * Size, 100 * Size, 6 << 20} {
		src, dst := memory(t, length), memory(t, length)
		for round := range byte(3) {
			fill(src, 1+round)
			fill(dst, 0x77)
			if err := Move(dst, src); err != nil {
				t.Fatal(err)
			}
			if !all(dst, 1+round) || !all(src, 0) {
				t.Fatalf("%d bytes did not move", length)
			}
			fill(src, 0x33)
			if !all(dst, 1+round) {
				t.Fatal("what is written to the source is seen")
			}
			if err := Move(src, dst); err != nil {
				t.Fatal(err)
			}
			if !all(src, 1+round) || !all(dst, 0) {
				t.Fatal("pages did not come back")
			}
		}
	}
}

// TestRefusals has arguments that would make the kernel touch memory of another owner.
func TestRefusals(t *testing.T) {
	a, b := memory(t, 4*Size), memory(t, 4*Size)
	fill(a, 1)
	fill(b, 2)
	for _, test := range [][2][]byte{
		{a, b[:Size]}, {a[:0], b[:0]}, {nil, nil}, {a[1 : Size+1], b[1 : Size+1]}, {a[:Size-1], b[:Size-1]}, {a[16 : 16+Size], b[:Size]},
		{a[:2*Size], a[Size : 3*Size]}, // which overlap
	} {
		if err := Move(test[0], test[1]); err == nil {
			t.Errorf("moved %d bytes to %d", len(test[1]), len(test[0]))
		}
	}
	if !all(b, 2) || !all(a[3*Size:], 1) {
		t.Error("a refused move has changed something")
	}
	if err := Blank(b[16 : 16+Size]); err == nil || !all(b, 2) {
		t.Error("replaced parts of pages")
	}
	if err := Blank(nil); err != nil {
		t.Error(err)
	}
}

// TestMoveFails has a source that does not exist any more: the destination must.
func TestMoveFails(t *testing.T) {
	dst := memory(t, 4*Size)
	src, err := Reserve(4 * Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := Free(src); err != nil {
		t.Fatal(err)
	}
	if err := Move(dst, src); err == nil {
		t.Fatal("moved what is not there")
	}
	fill(dst, 5) // would be a fault
}

// TestMoveSeveralMappings has a source that the kernel may refuse after it has unmapped the
// destination.
func TestMoveSeveralMappings(t *testing.T) {
	src, dst := memory(t, 9*Size), memory(t, 9*Size)
	fill(src, 3)
	if err := unix.Madvise(src[3*Size:5*Size], unix.MADV_DONTDUMP); err != nil {
		t.Fatal(err)
	}
	if err := Move(dst, src); err == nil {
		if !all(dst, 3) {
			t.Error("moved only a part")
		}
		return
	}
	if !all(src, 3) {
		t.Error("a failed move has taken something")
	}
	if !all(dst, 0) {
		t.Error("a failed move has left something")
	}
	fill(dst, 4)
}

// TestBlankHeals moves pages in and out and counts mappings: the kernel joins them again.
func TestBlankHeals(t *testing.T) {
	src, dst := memory(t, 1<<20), memory(t, 1<<20)
	before := mappings(t)
	for i := range 50 {
		from, to := (i*7%60)*Size, (100+i)*Size
		fill(src[from:to], 9)
		if err := Move(dst[from:to], src[from:to]); err != nil {
			t.Fatal(err)
		}
		for _, memory := range [][]byte{src[from:to], dst[from:to]} {
			if err := Blank(memory); err != nil {
				t.Fatal(err)
			}
			if !all(memory, 0) {
				t.Fatal("not blank")
			}
		}
	}
	// The Go runtime maps memory at will.
	if after := mappings(t); after > before+4 {
		t.Errorf("%d mappings, %d before", after, before)
	}
}

func TestPlaces(t *testing.T) {
	limit := places.limit
	places.limit = 100
	defer func() { places.limit = limit }()
	var group sync.WaitGroup
	taken := make([]int, 8)
	for worker := range taken {
		group.Go(func() {
			for range 50 {
				if TakePlace() {
					taken[worker]++
				}
			}
		})
	}
	group.Wait()
	sum := 0
	for _, n := range taken {
		sum += n
	}
	if sum != 100 || TakePlace() {
		t.Errorf("%d places of 100", sum)
	}
	ReturnPlaces(sum)
	if places.taken.Load() != 0 || !TakePlace() {
		t.Error("places were not returned")
	}
	ReturnPlaces(1)
}

func TestLimits(t *testing.T) {
	if places.limit < 100 {
		t.Errorf("%d places", places.limit)
	}
	if _, err := Reserve(math.MaxInt &^ (Size - 1)); err == nil {
		t.Error("reserved all there is")
	}
	if err := Free(nil); err != nil {
		t.Error(err)
	}
}

func BenchmarkMove(b *testing.B) {
	for _, length := range []int{64 << 10, 256 << 10, 1 << 20, 100 << 20} {
		src, _ := Reserve(length + 2*Block)
		dst, _ := Reserve(length + 2*Block)
		b.Cleanup(func() { Free(src); Free(dst) })
		from := src[Boundary(length).Skip(src):][:length]
		to := dst[Boundary(length).Skip(dst):][:length]
		if err := Blank(from); err != nil {
			b.Fatal(err)
		}
		fill(from, 1)
		b.Run(payloads.FormatSize(int64(length)), func(b *testing.B) {
			for b.Loop() {
				if err := Move(to, from); err != nil {
					b.Fatal(err)
				}
				from, to = to, from
			}
		})
	}
}
