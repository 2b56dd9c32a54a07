package payloads

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

type vector struct {
	input  []byte
	digest uint64
}

// vectors reads testdata/digest.txt, which was computed from the specification by another
// program.
func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/digest.txt")
	if err != nil {
		t.Fatal(err)
	}
	var found []vector
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var times int
		var pattern string
		var v vector
		if _, err := fmt.Sscanf(line, "%d %s %x", &times, &pattern, &v.digest); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		raw, err := hex.DecodeString(pattern)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		v.input = bytes.Repeat(raw, times)
		found = append(found, v)
	}
	return found
}

func TestDigestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) < 10 {
		t.Fatalf("only %d vectors", len(all))
	}
	for i, v := range all {
		if got := Digest(v.input); got != v.digest {
			t.Errorf("vector %d (%d bytes): digest %016x, want %016x", i, len(v.input), got, v.digest)
		}
	}
}

func TestDigestSeesEveryFault(t *testing.T) {
	const size = 3*4096 + 17
	for _, kind := range Kinds() {
		payload := make([]byte, size)
		Fill(payload, kind, 11)
		want := Digest(payload)

		random := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			at, bit := random.IntN(size), byte(1)<<random.IntN(8)
			payload[at] ^= bit
			if Digest(payload) == want {
				t.Errorf("%s: flipping bit %#x at %d goes unnoticed", kind, bit, at)
			}
			payload[at] ^= bit
		}
		for cut := 1; cut < 100; cut++ {
			if Digest(payload[:size-cut]) == want || Digest(payload[cut:]) == want {
				t.Errorf("%s: %d missing bytes go unnoticed", kind, cut)
			}
		}
		for _, start := range []int{0, 16, 4000} {
			swapped := bytes.Clone(payload)
			first, second := swapped[start:start+4096], swapped[start+4096:start+2*4096]
			for i := range first {
				first[i], second[i] = second[i], first[i]
			}
			if Digest(swapped) == want {
				t.Errorf("%s: two swapped pages go unnoticed", kind)
			}
			stale := bytes.Clone(payload)
			earlier := make([]byte, size)
			Fill(earlier, kind, 10)
			copy(stale[start:start+4096], earlier[start:])
			if Digest(stale) == want {
				t.Errorf("%s: a stale page goes unnoticed", kind)
			}
			zeroed := bytes.Clone(payload)
			clear(zeroed[start : start+4096])
			if Digest(zeroed) == want {
				t.Errorf("%s: a page of zeros goes unnoticed", kind)
			}
		}
	}
}

// TestDigestOfSpec compares what is made a piece at a time with a whole payload.
func TestDigestOfSpec(t *testing.T) {
	for _, kind := range Kinds() {
		for _, size := range []int64{1, 31, 64, 100, digestChunk - 1, digestChunk, digestChunk + 1, 3*digestChunk + 77} {
			spec := Spec{kind, 7, size}
			payload := make([]byte, size)
			Fill(payload, kind, 7)
			if got, want := spec.Digest(), Digest(payload); got != want {
				t.Errorf("%+v: %016x, want %016x", spec, got, want)
			}
			if n := testing.AllocsPerRun(10, func() { spec.Digest() }); n != 0 {
				t.Errorf("%+v: %v allocations", spec, n)
			}
		}
	}
}

func TestDigestAllocatesNothing(t *testing.T) {
	payload := make([]byte, 1001)
	if n := testing.AllocsPerRun(100, func() { Digest(payload) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDigest(b *testing.B) {
	for _, size := range []int64{64, 4096, 1 << 20, 100 << 20} {
		payload := allocate(size)
		Fill(payload, Bytes, 1)
		b.Run(FormatSize(size), func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				Digest(payload)
			}
		})
	}
}
