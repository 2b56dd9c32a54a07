package payloads

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// TestFillIsTheSameEverywhere pins the content: journals of other runs and machines name
// digests that must stay reproducible.
func TestFillIsTheSameEverywhere(t *testing.T) {
	for _, test := range []struct {
		spec   Spec
		digest uint64
	}{
		{Spec{Text, 1, 100}, 0xC4E79F80EB39B6D8},
		{Spec{Text, 1, 1 << 20}, 0xE0176AD091A93CF6},
		{Spec{Records, 1, 100}, 0x83547C4A3002F71E},
		{Spec{Records, 1, 1 << 20}, 0x0F6FCDE173F8B6D0},
		{Spec{Bytes, 1, 100}, 0x0F68C81F53355D00},
		{Spec{Bytes, 1, 1 << 20}, 0x1FD86DF701FD0D5C},
	} {
		payload := make([]byte, test.spec.Size)
		Fill(payload, test.spec.Kind, test.spec.Seed)
		if got := Digest(payload); got != test.digest {
			t.Errorf("%v: digest %#016x, want %#016x", test.spec, got, test.digest)
		}
	}
}

func TestFillAnySize(t *testing.T) {
	for _, kind := range Kinds() {
		whole := make([]byte, 10000)
		Fill(whole, kind, 5)
		for size := 1; size <= len(whole); size += 1 + size/7 {
			guarded := bytes.Repeat([]byte{0xAA}, size+64)
			Fill(guarded[:size:size], kind, 5)
			if !bytes.Equal(guarded[:size], whole[:size]) {
				t.Fatalf("%s of %d bytes is not the start of a longer one", kind, size)
			}
			if !bytes.Equal(guarded[size:], bytes.Repeat([]byte{0xAA}, 64)) {
				t.Fatalf("%s of %d bytes writes past its end", kind, size)
			}
		}
		Fill(nil, kind, 5)
	}
}

func TestFillDiffersBySeed(t *testing.T) {
	for _, kind := range Kinds() {
		for _, size := range []int{16, 64, 4096, 100000} {
			seen := map[uint64]uint64{}
			for seed := range uint64(200) {
				payload := make([]byte, size)
				Fill(payload, kind, seed)
				digest := Digest(payload)
				if other, ok := seen[digest]; ok {
					t.Fatalf("%s of %d bytes: seeds %d and %d give the same payload", kind, size, other, seed)
				}
				seen[digest] = seed
			}
		}
	}
}

func TestTextNeedsNoEscape(t *testing.T) {
	text := make([]byte, 20000)
	Fill(text, Text, 3)
	for i, c := range text {
		if c < ' ' || c > '~' {
			t.Fatalf("byte %d is %#x", i, c)
		}
	}
	encoded, err := json.Marshal(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(encoded) != len(text)+2 {
		t.Errorf("%d bytes of text need %d bytes of JSON", len(text), len(encoded))
	}
}

func TestFillUnknownKindPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Fill(make([]byte, 8), "music", 1)
}

func TestParseKind(t *testing.T) {
	for _, kind := range Kinds() {
		if got, err := ParseKind(string(kind)); err != nil || got != kind {
			t.Errorf("ParseKind(%q) = %q, %v", kind, got, err)
		}
	}
	if _, err := ParseKind("music"); fmt.Sprint(err) != `payload "music" is unknown: use text, records, bytes` {
		t.Errorf("error %q", err)
	}
}

func BenchmarkFill(b *testing.B) {
	for _, kind := range Kinds() {
		for _, size := range []int64{1 << 20, 100 << 20} {
			payload := allocate(size)
			b.Run(fmt.Sprintf("%s/%s", kind, FormatSize(size)), func(b *testing.B) {
				b.SetBytes(size)
				for seed := uint64(0); b.Loop(); seed++ {
					Fill(payload, kind, seed)
				}
			})
		}
	}
}

// BenchmarkCopy is what the memory of this machine allows, for comparison.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int64{1 << 20, 100 << 20} {
		from, to := allocate(size), allocate(size)
		Fill(from, Bytes, 1)
		b.Run(FormatSize(size), func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				copy(to, from)
			}
		})
	}
}
