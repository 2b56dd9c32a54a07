package memory

import (
	"bytes"
	"fmt"
	"testing"

	"rrbench/payloads"
)

// copyBetween copies between buffers that begin at these offsets and have guards around
// them, and returns what is wrong.
func copyBetween(dstOffset, srcOffset, dstLength, srcLength int) error {
	const guard = 128
	src := make([]byte, srcOffset+srcLength)
	payloads.Fill(src, payloads.Bytes, uint64(srcLength))
	before := bytes.Clone(src)
	whole := bytes.Repeat([]byte{0xA5}, guard+dstOffset+dstLength+guard)
	dst := whole[guard+dstOffset:][:dstLength:dstLength]

	n := Copy(dst, src[srcOffset:])
	if want := min(dstLength, srcLength); n != want {
		return fmt.Errorf("copied %d bytes, want %d", n, want)
	}
	if !bytes.Equal(dst[:n], src[srcOffset:][:n]) {
		return fmt.Errorf("the copy differs")
	}
	if !bytes.Equal(src, before) {
		return fmt.Errorf("the source has changed")
	}
	around := append(bytes.Clone(whole[:guard+dstOffset]), whole[guard+dstOffset+n:]...)
	if !bytes.Equal(around, bytes.Repeat([]byte{0xA5}, len(around))) {
		return fmt.Errorf("wrote beside the destination")
	}
	return nil
}

// lowerThreshold makes small payloads go past the cache while a test runs.
func lowerThreshold(tb testing.TB) {
	if lower == nil {
		return
	}
	restore := lower(small)
	tb.Cleanup(restore)
}

func TestCopy(t *testing.T) {
	check := func(t *testing.T) {
		lengths := []int{0, 1, 63, 64, 65, 4096, small - 1, small, small + 1, small + 63, 5*16384 - 1, 5 * 16384, 5*16384 + 100, 1 << 20, 1<<20 + 16384 + 77, 3 << 20}
		for _, length := range lengths {
			for _, offsets := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {16, 48}, {63, 63}, {64, 8}, {33, 7}} {
				if err := copyBetween(offsets[0], offsets[1], length, length); err != nil {
					t.Errorf("%d bytes from offset %d to %d: %v", length, offsets[1], offsets[0], err)
				}
			}
		}
		for _, test := range [][2]int{{100, 200000}, {200000, 100}, {200000, 150000}, {150000, 200000}, {0, 100000}} {
			if err := copyBetween(5, 3, test[0], test[1]); err != nil {
				t.Errorf("%d bytes into %d: %v", test[1], test[0], err)
			}
		}
	}
	t.Run("through the cache", check)
	t.Run("past the cache", func(t *testing.T) {
		lowerThreshold(t)
		check(t)
	})
}

func FuzzCopy(f *testing.F) {
	f.Add(uint(16), uint(48), uint(200000), uint(200000))
	f.Add(uint(0), uint(1), uint(70000), uint(1<<20))
	f.Fuzz(func(t *testing.T, dstOffset, srcOffset, dstLength, srcLength uint) {
		lowerThreshold(t)
		const most = 1 << 20
		if err := copyBetween(int(dstOffset%200), int(srcOffset%200), int(dstLength%most), int(srcLength%most)); err != nil {
			t.Error(err)
		}
	})
}

func TestCopyAllocatesNothing(t *testing.T) {
	lowerThreshold(t)
	dst, src := make([]byte, 1<<20), make([]byte, 1<<20)
	if n := testing.AllocsPerRun(10, func() { Copy(dst, src) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestThreshold(t *testing.T) {
	if size := lastLevelCache(); size < 64<<10 {
		t.Errorf("a cache of %d bytes", size)
	}
	if streamFrom < small {
		t.Errorf("payloads go past the cache from %d bytes on", streamFrom)
	}
}

// BenchmarkCopy compares with copy, to a destination as a guest's allocator places it.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{64 << 10, 1 << 20, 10 << 20, 32 << 20, 100 << 20, 400 << 20} {
		src, dst := make([]byte, size+16), make([]byte, size+48)
		payloads.Fill(src, payloads.Text, 1)
		payloads.Fill(dst, payloads.Text, 2)
		for _, way := range []struct {
			name string
			copy func(dst, src []byte) int
		}{
			{"copy", func(dst, src []byte) int { return copy(dst, src) }},
			{"bulk", Copy},
		} {
			b.Run(fmt.Sprintf("%s/%s", payloads.FormatSize(int64(size)), way.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					way.copy(dst[48:], src[16:])
				}
			})
		}
	}
}
