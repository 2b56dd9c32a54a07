package enginetest

import (
	"testing"

	"rrbench/engines"
)

// Benchmark measures what crossing the border between host and guest costs: a call that
// does nothing, one with parameters and a result, one in which the guest calls its host,
// one such host call alone, and a view of the memory; and what it takes to have a memory grow by a
// MiB, and to make an instance of a module that is compiled.
func Benchmark(b *testing.B, open New) {
	stack := make([]uint64, 4)
	measure := func(name string, instance engines.Instance) {
		f := function(b, instance, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stack[0] = 0
				if err := f.Call(stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	s := newSuite(b, open)
	unhosted := s.start(b, "plain", handlers{})
	measure("nop", unhosted)
	measure("add", unhosted)
	hosted := s.start(b, "hosted", handlers{})
	measure("nothing", hosted)
	measure("event", hosted)
	many := function(b, hosted, "many")
	b.Run("host call", func(b *testing.B) {
		b.ReportAllocs()
		for left := b.N; left > 0; left -= 1000 {
			stack[0] = uint64(min(left, 1000))
			if err := many.Call(stack); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("memory", func(b *testing.B) {
		b.ReportAllocs()
		sum := 0
		for b.Loop() {
			sum += len(unhosted.Memory().Bytes())
		}
	})
	module := s.module(b, "plain")
	b.Run("growth", func(b *testing.B) {
		const pages, most = (1 << 20) / engines.PageSize, 1024
		var instance engines.Instance
		for i := range b.N {
			if i%most == 0 {
				b.StopTimer()
				if instance != nil {
					instance.Close()
				}
				instance = instantiate(b, module, engines.InstanceConfig{})
				b.StartTimer()
			}
			if call(b, instance, "grow", pages) == refused {
				b.Fatal("the memory does not grow")
			}
		}
	})
	b.Run("instantiate", func(b *testing.B) {
		for b.Loop() {
			instance, err := module.Instantiate(b.Context(), engines.InstanceConfig{})
			if err != nil {
				b.Fatal(err)
			}
			instance.Close()
		}
	})
}
