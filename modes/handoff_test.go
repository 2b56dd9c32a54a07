package modes

import (
	"fmt"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/memory"
	"rrbench/payloads"
	"rrbench/transport"
)

// BenchmarkHandoff is a hand-off as two functions of one shim see it, without measurements:
// A's send, the host, allocation in B, the copy, B's handler, the release. The transports'
// own benchmarks add the readings of the clock that a trial takes.
func BenchmarkHandoff(b *testing.B) {
	for _, engine := range catalogue.BuiltIn() {
		if err := catalogue.Check(engine); err != nil {
			continue
		}
		for _, size := range []int64{64, 256, 1 << 10, 4 << 10} {
			b.Run(fmt.Sprintf("%s/%s", engine, payloads.FormatSize(size)), func(b *testing.B) {
				benchmarkHandoff(b, engine, size)
			})
		}
	}
}

func benchmarkHandoff(b *testing.B, engine string, size int64) {
	setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Fanout: 1}
	target := load(b, setup, nil)
	var digest uint64
	source := load(b, setup, func(region *Region) error {
		copied, err := target.Allocate(region.Len())
		if err != nil {
			return err
		}
		memory.Copy(copied.Bytes(), region.Bytes())
		digest, err = target.Handle(copied)
		return err
	})
	spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: size}
	expected, err := spec.Digest(), source.Prepare(spec)
	if err != nil {
		b.Fatal(err)
	}
	direct := NewDirectCall(source, target, func() {})
	var result DirectResult
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		source.filled = true // the payload that is there once more
		if direct != nil && direct.Fits() {
			if _, err := direct.Send(&result); err != nil {
				b.Fatal(err)
			}
			digest = result.Digest
		} else if err := source.Send(); err != nil {
			b.Fatal(err)
		}
	}
	if digest != expected {
		b.Errorf("digest %x instead of %x", digest, expected)
	}
}
