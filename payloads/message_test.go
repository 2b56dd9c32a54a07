package payloads

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

var codecs = []struct {
	name      string
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}{
	{"json", func(v any) ([]byte, error) { return jsonv2.Marshal(v) }, func(p []byte, v any) error { return jsonv2.Unmarshal(p, v) }},
	{"json-std", json.Marshal, json.Unmarshal},
}

// newMessage is the payload of a spec as an object.
func newMessage(spec Spec) *Message {
	flat := allocate(spec.Size)
	Fill(flat, spec.Kind, spec.Seed)
	message, err := MessageFromFlat(spec.Kind, spec.Seed, flat)
	if err != nil {
		panic(err)
	}
	return message
}

// allocate returns memory that is aligned for records, whatever its size.
func allocate(size int64) []byte {
	records := make([]Record, (size+RecordSize-1)/RecordSize)
	return recordBytes(records)[:size:size]
}

func TestMessageRoundTrip(t *testing.T) {
	for _, kind := range Kinds() {
		for _, size := range []int64{1, 7, 31, 32, 33, 63, 64, 65, 100, 127, 128, 4096, 4097, 70001} {
			spec := Spec{Kind: kind, Seed: 0xFFFFFFFFFFFFFFF1, Size: size}
			flat := make([]byte, size)
			Fill(flat, kind, spec.Seed)
			want := Digest(flat)
			message := newMessage(spec)
			if digest, length := message.Digest(); digest != want || length != uint64(size) {
				t.Errorf("%v: message has digest %016x and length %d, payload %016x", spec, digest, length, want)
			}
			for _, codec := range codecs {
				encoded, err := codec.marshal(message)
				if err != nil {
					t.Fatalf("%v %s: %v", spec, codec.name, err)
				}
				var decoded Message
				if err := codec.unmarshal(encoded, &decoded); err != nil {
					t.Fatalf("%v %s: %v", spec, codec.name, err)
				}
				if !reflect.DeepEqual(&decoded, message) {
					t.Errorf("%v %s: read back something else", spec, codec.name)
				}
				if digest, length := decoded.Digest(); digest != want || length != uint64(size) {
					t.Errorf("%v %s: digest %016x and length %d after the trip, want %016x", spec, codec.name, digest, length, want)
				}
			}
		}
	}
}

func TestMessageReuse(t *testing.T) {
	for _, codec := range codecs {
		var used Message
		for _, spec := range []Spec{{Records, 1, 6401}, {Text, 2, 100}, {Bytes, 3, 99}, {Records, 4, 640}, {Records, 5, 10}, {Bytes, 6, 200}} {
			message := newMessage(spec)
			want, _ := message.Digest()
			encoded, err := codec.marshal(message)
			if err != nil {
				t.Fatal(err)
			}
			used.Reset()
			if err := codec.unmarshal(encoded, &used); err != nil {
				t.Fatal(err)
			}
			if digest, length := used.Digest(); digest != want || length != uint64(spec.Size) {
				t.Errorf("%s %v: digest %016x and length %d in a used message, want %016x", codec.name, spec, digest, length, want)
			}
		}
	}
}

func TestMessageFromFlatShares(t *testing.T) {
	for _, kind := range Kinds() {
		for offset := range 9 {
			flat := allocate(1000)[offset:]
			Fill(flat, kind, 9)
			message, err := MessageFromFlat(kind, 9, flat)
			if err != nil {
				t.Fatal(err)
			}
			if digest, _ := message.Digest(); digest != Digest(flat) {
				t.Errorf("%s at offset %d: another digest than its bytes", kind, offset)
			}
			if kind == Records && offset%8 != 0 {
				continue
			}
			clear(flat)
			if digest, _ := message.Digest(); digest != Digest(flat) {
				t.Errorf("%s at offset %d is a copy", kind, offset)
			}
		}
	}
	if _, err := MessageFromFlat("music", 1, []byte{1}); err == nil {
		t.Error("an unknown kind has a message")
	}
}

// FuzzMessage decodes what a peer may send: the digest must never fail, whatever is in it.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"id":1,"text":"x","rest":"AAAA","records":[{"id":5}]}`))
	f.Add([]byte(`{"id":1,"records":[{"temperature":1e308,"time":-1}],"rest":"` + fmt.Sprintf("%064d", 0) + `"}`))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		for _, codec := range codecs {
			var message Message
			if codec.unmarshal(encoded, &message) == nil {
				message.Digest()
			}
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	const size = 1 << 20
	for _, kind := range Kinds() {
		message := newMessage(Spec{kind, 1, size})
		for _, codec := range codecs {
			encoded, err := codec.marshal(message)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("encode/%s/%s", kind, codec.name), func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					if _, err := codec.marshal(message); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("decode/%s/%s", kind, codec.name), func(b *testing.B) {
				b.SetBytes(size)
				var decoded Message
				for b.Loop() {
					decoded.Reset()
					if err := codec.unmarshal(encoded, &decoded); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
