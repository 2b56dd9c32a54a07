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

// TestDigestVectors reads testdata/digest.txt, which another program computed from the specification.
func TestDigestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/digest.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var times int
		var pattern string
		var want uint64
		if _, err := fmt.Sscanf(line, "%d %s %x", &times, &pattern, &want); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		raw, err := hex.DecodeString(pattern)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got := Digest(bytes.Repeat(raw, times)); got != want {
			t.Errorf("%d times %s: digest %016x, want %016x", times, pattern, got, want)
		}
		count++
	}
	if count < 10 {
		t.Errorf("only %d vectors", count)
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
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	payload := make([]byte, 10001)
	for _, kind := range Kinds() {
		spec := Spec{kind, 1, int64(len(payload))}
		message := newMessage(spec)
		for name, run := range map[string]func(){
			"Fill": func() { Fill(payload, kind, 1) }, "Digest": func() { Digest(payload) },
			"Spec.Digest": func() { spec.Digest() }, "Message.Digest": func() { message.Digest() },
		} {
			if n := testing.AllocsPerRun(20, run); n != 0 {
				t.Errorf("%s of %s: %v allocations", name, kind, n)
			}
		}
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
