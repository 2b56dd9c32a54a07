package function

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
)

// carry takes an object from a source to a target as a transport would.
func carry(t testing.TB, source *Source, target *Target) transport.Delivery {
	t.Helper()
	wire, err := source.Encode()
	if err != nil {
		t.Fatal(err)
	}
	buffer, err := target.Buffer(int64(len(wire)))
	if err != nil {
		t.Fatal(err)
	}
	copy(buffer, wire)
	var reply transport.Delivery
	if err := target.Handle(&reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

func mustMake(t testing.TB, setup transport.Setup) (*Source, *Target) {
	t.Helper()
	source, err := NewSource(setup)
	if err != nil {
		t.Fatal(err)
	}
	target, err := NewTarget(setup)
	if err != nil {
		t.Fatal(err)
	}
	return source, target
}

func TestObjectsArrive(t *testing.T) {
	for _, codec := range Codecs() {
		for _, kind := range payloads.Kinds() {
			t.Run(fmt.Sprintf("%s/%s", codec, kind), func(t *testing.T) {
				source, target := mustMake(t, transport.Setup{Codec: codec, Payload: kind, Size: 128 << 10})
				// Ups and downs, so that what an earlier object has left shows.
				for i, size := range []int64{128 << 10, 1, 7, 64, 65, 8, 1000, 4096, 128<<10 - 1, 100, 128 << 10} {
					for seed := range uint64(2) {
						spec := payloads.Spec{Kind: kind, Seed: seed + uint64(i), Size: size}
						digest, err := spec.Digest(), source.Prepare(spec)
						if err != nil {
							t.Fatal(err)
						}
						reply := carry(t, source, target)
						if reply.Digest != digest || reply.Length != uint64(size) {
							t.Errorf("%v: digest %x of %d bytes, want %x", spec, reply.Digest, reply.Length, digest)
						}
						if reply.Timeline.Delivered == 0 || reply.Timeline.Consumed < reply.Timeline.Delivered {
							t.Errorf("%v: delivered at %d, consumed at %d", spec, reply.Timeline.Delivered, reply.Timeline.Consumed)
						}
					}
				}
			})
		}
	}
}

// An object can be sent again, and takes the memory it has had.
func TestEncodeAgain(t *testing.T) {
	for _, codec := range Codecs() {
		source, target := mustMake(t, transport.Setup{Codec: codec, Payload: payloads.Records, Size: 128 << 10})
		spec := payloads.Spec{Kind: payloads.Records, Seed: 3, Size: 128 << 10}
		digest, err := spec.Digest(), source.Prepare(spec)
		if err != nil {
			t.Fatal(err)
		}
		first, err := source.Encode()
		if err != nil {
			t.Fatal(err)
		}
		kept := bytes.Clone(first)
		for range 3 {
			if reply := carry(t, source, target); reply.Digest != digest {
				t.Errorf("%s: digest %x, want %x", codec, reply.Digest, digest)
			}
			again, err := source.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if &first[0] != &again[0] || !bytes.Equal(kept, again) {
				t.Errorf("%s: another encoding, or in another place", codec)
			}
		}
	}
}

// WireSize is what buffers are allocated by: too small costs a growing buffer in the first
// trials, too large costs memory.
func TestWireSize(t *testing.T) {
	for _, codec := range Codecs() {
		for _, kind := range payloads.Kinds() {
			for _, size := range []int64{1, 64, 4096, 256 << 10} {
				source, _ := mustMake(t, transport.Setup{Codec: codec, Payload: kind, Size: size})
				if err := source.Prepare(payloads.Spec{Kind: kind, Seed: 9, Size: size}); err != nil {
					t.Fatal(err)
				}
				wire, err := source.Encode()
				if err != nil {
					t.Fatal(err)
				}
				estimate := WireSize(codec, kind, size)
				if n := int64(len(wire)); n > estimate || estimate > n*5/4+128 {
					t.Errorf("%s %s of %d bytes: %d on the wire, estimated %d", codec, kind, size, n, estimate)
				}
				if limit := WireLimit(codec, size); int64(len(wire)) > limit {
					t.Errorf("%s %s of %d bytes: %d on the wire, above the limit %d", codec, kind, size, len(wire), limit)
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	good := transport.Setup{Codec: transport.JSON, Payload: payloads.Text, Size: 100}
	for _, test := range []struct {
		change func(*transport.Setup)
		want   string
	}{
		{func(s *transport.Setup) { s.Size = 0 }, "size of 0 bytes"},
		{func(s *transport.Setup) { s.Size = -1 }, "size of -1 bytes"},
		{func(s *transport.Setup) { s.Size = payloads.MaxSize + 1 }, "use 1 to 3221225472"},
		{func(s *transport.Setup) { s.Codec = transport.None }, `codec "none" is unknown`},
		{func(s *transport.Setup) { s.Codec = "" }, `codec "" is unknown`},
	} {
		setup := good
		test.change(&setup)
		if _, err := NewSource(setup); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("source: error is %v, want %q in it", err, test.want)
		}
		if _, err := NewTarget(setup); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("target: error is %v, want %q in it", err, test.want)
		}
	}

	source, target := mustMake(t, good)
	if _, err := source.Encode(); err == nil {
		t.Error("an object that was never prepared was encoded")
	}
	for _, spec := range []payloads.Spec{{Kind: payloads.Text}, {Kind: payloads.Text, Size: -5}, {Kind: "music", Size: 5}} {
		if err := source.Prepare(spec); err == nil {
			t.Errorf("%v was prepared", spec)
		}
		if _, err := source.Encode(); err == nil {
			t.Errorf("after %v something was encoded", spec)
		}
	}
	for _, n := range []int64{-1, 0, WireLimit(good.Codec, good.Size) + 1, 1 << 62} {
		if _, err := target.Buffer(n); err == nil {
			t.Errorf("a buffer of %d bytes", n)
		}
	}
}

func TestHandleRefusesRubbish(t *testing.T) {
	for _, codec := range []transport.Codec{transport.JSON, transport.JSONStd} {
		_, target := mustMake(t, transport.Setup{Codec: codec, Payload: payloads.Text, Size: 1000})
		for _, wire := range []string{"x", "[]", `{"id":1,"text":"cut`, `{"id":-1}`, `{"text":5}`, `{"bytes":"***"}`, `{"id":1}{}`} {
			buffer, err := target.Buffer(int64(len(wire)))
			if err != nil {
				t.Fatal(err)
			}
			copy(buffer, wire)
			if err := target.Handle(&transport.Delivery{}); err == nil {
				t.Errorf("%s took %s", codec, wire)
			}
		}
	}
}

// Whatever arrives, a target answers or refuses, and takes the next object.
func FuzzHandle(f *testing.F) {
	f.Add([]byte(`{"id":1,"text":"words"}`))
	f.Add([]byte(`{"id":1,"records":[{"id":5},{"temperature":1.5}],"rest":"AAAA"}`))
	f.Add([]byte(`{"id":1,"bytes":"AAEC"}`))
	f.Add([]byte(`{"id":1,"text":"\ud800"}`))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		for _, codec := range Codecs() {
			source, target := mustMake(t, transport.Setup{Codec: codec, Payload: payloads.Records, Size: 1 << 10})
			if buffer, err := target.Buffer(int64(len(wire))); err == nil {
				copy(buffer, wire)
				_ = target.Handle(&transport.Delivery{})
			}
			spec := payloads.Spec{Kind: payloads.Records, Seed: 1, Size: 130}
			digest, err := spec.Digest(), source.Prepare(spec)
			if err != nil {
				t.Fatal(err)
			}
			if reply := carry(t, source, target); reply.Digest != digest {
				t.Errorf("%s: digest %x, want %x", codec, reply.Digest, digest)
			}
		}
	})
}

// A target that changes what it got has read it before, and the object is changed once a page.
func TestTargetsThatWrite(t *testing.T) {
	for _, codec := range Codecs() {
		for _, kind := range payloads.Kinds() {
			const size = 3*4096 + 100
			source, target := mustMake(t, transport.Setup{Codec: codec, Payload: kind, Size: size, Consume: transport.ConsumeWrite})
			for _, size := range []int64{size, 100, size} {
				spec := payloads.Spec{Kind: kind, Seed: 5, Size: size}
				if err := source.Prepare(spec); err != nil {
					t.Fatal(err)
				}
				if reply := carry(t, source, target); reply.Digest != spec.Digest() {
					t.Errorf("%s %v: digest %x, want %x", codec, spec, reply.Digest, spec.Digest())
				}
				after, _ := target.message.Digest()
				flat := make([]byte, size)
				payloads.Fill(flat, kind, spec.Seed)
				payloads.Rewrite(flat)
				if after != payloads.Digest(flat) {
					t.Errorf("%s %v: the object is not what Rewrite makes of the payload", codec, spec)
				}
			}
		}
	}
}
