package modes

import (
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
)

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
	for _, engine := range catalogue.Names() {
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
