package modes

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads/hostile"
)

func TestProduce(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		for _, origin := range transport.Origins() {
			var sent []byte
			setup.Origin = origin
			f := load(t, setup, func(region *Region) error {
				sent = bytes.Clone(region.Bytes())
				return nil
			})
			for i, size := range []int64{1, 15, 16, 17, 4095, 4096, 4097, 100_000, 100_000, 100_000, 1 << 20, 64} {
				spec := payloads.Spec{Kind: payloads.Text, Seed: 1<<63 + uint64(i), Size: size}
				if i%2 == 0 {
					if err := errors.Join(f.Recycle(size), f.Recycle(size), f.Rehearse(spec)); err != nil {
						t.Fatal(err)
					}
					if err := f.Send(); err == nil {
						t.Error("what was rehearsed is sent")
					}
				}
				if err := errors.Join(f.Prepare(spec), f.Send()); err != nil {
					t.Fatal(err)
				}
				want := make([]byte, size)
				payloads.Fill(want, spec.Kind, spec.Seed)
				if !bytes.Equal(sent, want) {
					t.Errorf("origin %s, %d bytes: something else was sent", origin, size)
				}
				if located := f.prepared.located; located != (origin == transport.OriginHeap) {
					t.Errorf("origin %s: the payload is in located memory: %v", origin, located)
				}
			}
			if len(f.regions.live) > 2 {
				t.Errorf("origin %s: %d regions are live", origin, len(f.regions.live))
			}
			err := f.Prepare(payloads.Spec{Kind: payloads.Records, Size: 1000})
			if (err == nil) != (origin == transport.OriginHost) || err != nil && !strings.Contains(err.Error(), "use origin host") {
				t.Errorf("records of origin %s: %v", origin, err)
			}
		}
	})
}

// The host does not take for a payload what is under way.
func TestProduceLeased(t *testing.T) {
	spec := payloads.Spec{Kind: payloads.Text, Size: 100}
	var f *Function
	var inner error
	guest, f := newFake(t, func(*Region) error {
		inner = f.Prepare(spec)
		return nil
	})
	f.origin = transport.OriginHeap
	guest.produce = func(length uint32, _ uint64) uint32 {
		guest.call(t, locateName, 5000, length)
		return 5000
	}
	if err := errors.Join(f.Prepare(spec), f.Send()); err != nil {
		t.Fatal(err)
	}
	if inner == nil || !strings.Contains(inner.Error(), "not the payload's") {
		t.Errorf("a leased region is prepared: %v", inner)
	}
}

func TestHandleWrite(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		setup.Consume = transport.ConsumeWrite
		f := load(t, setup, nil)
		for _, size := range []uint32{1, 4096, 4097, 100_000} {
			region := mustAllocate(t, f, size)
			payloads.Fill(region.Bytes(), payloads.Bytes, 7)
			want := bytes.Clone(region.Bytes())
			digest, err := f.Enter(region)
			if err != nil || digest != payloads.Digest(want) {
				t.Fatalf("%d bytes: digest %x, %v", size, digest, err)
			}
			if payloads.Rewrite(want); !bytes.Equal(region.Bytes(), want) {
				t.Errorf("%d bytes: they were not changed as they should", size)
			}
			if err := f.Release(region); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCheckFindsAbilities(t *testing.T) {
	for guest, want := range map[string]Abilities{
		"c":                                 {true, true, true, true},
		hostile.Guest(t, "lacks-produce"):   {Writes: true},
		hostile.Guest(t, "send-overwrites"): {Writes: true},
	} {
		if can, err := Check(context.Background(), "wazero", guest); err != nil || can != want {
			t.Errorf("%s: %+v, %v", guest, can, err)
		}
	}
	if _, err := Check(context.Background(), "wazero", hostile.Guest(t, "wrong-produce")); err == nil || !strings.Contains(err.Error(), "must be produce(i32, i64) -> i32") {
		t.Errorf("%v", err)
	}
	for want, setup := range map[string]transport.Setup{
		"does not import output_buffer":        {Origin: transport.OriginBuffer, Guest: hostile.Guest(t, "produce-alone")},
		"does not import locate_memory_region": {Origin: transport.OriginHeap, Guest: hostile.Guest(t, "produce-alone")},
		"does not export handle_write":         {Consume: transport.ConsumeWrite, Guest: hostile.Guest(t, "handle-shouts")},
	} {
		setup.Engine = "wazero"
		if f, err := Load(context.Background(), setup, delivered); err == nil || !strings.Contains(err.Error(), want) {
			if f != nil {
				f.Close()
			}
			t.Errorf("%s: %v", setup.Guest, err)
		}
	}
}

// benchmarkOwn compares what a function in C does with a payload of 100 MiB with the same in Go:
// native, and the guest on each engine.
func benchmarkOwn(b *testing.B, native func(payload []byte), guest func(f *Function, spec payloads.Spec) error) {
	spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 100 << 20}
	payload := make([]byte, spec.Size)
	payloads.Fill(payload, spec.Kind, spec.Seed)
	b.Run("native", func(b *testing.B) {
		b.SetBytes(spec.Size)
		for b.Loop() {
			native(payload)
		}
	})
	for _, engine := range catalogue.BuiltIn() {
		if catalogue.Check(engine) != nil {
			continue
		}
		f := load(b, transport.Setup{Engine: engine, Guest: "c", Size: spec.Size, Origin: transport.OriginBuffer}, delivered)
		if err := f.Prepare(spec); err != nil {
			b.Fatal(err)
		}
		b.Run(engine, func(b *testing.B) {
			b.SetBytes(spec.Size)
			for b.Loop() {
				if err := guest(f, spec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkProduce(b *testing.B) {
	benchmarkOwn(b, func(payload []byte) { payloads.Fill(payload, payloads.Text, 1) }, (*Function).Prepare)
}

func BenchmarkHandle(b *testing.B) {
	benchmarkOwn(b, func(payload []byte) { payloads.Digest(payload) }, func(f *Function, _ payloads.Spec) error {
		_, err := f.call(&f.handleExport, f.prepared.pointer, f.prepared.length)
		return err
	})
}
