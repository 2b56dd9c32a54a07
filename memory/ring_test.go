package memory

import (
	"fmt"
	"testing"

	"rrbench/measure"
)

// ends are both of a ring.
func ends(t testing.TB, waiting Waiting) (a, b *Ring) {
	t.Helper()
	alive := func() error { return nil }
	a, err := NewRing(waiting, alive)
	if err != nil {
		t.Fatal(err)
	}
	b, err = OpenRing(a.Descriptor(), waiting, alive)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Forget(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

func BenchmarkRing(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 1 << 20, 100 << 20} {
		for name, waiting := range map[string]Waiting{"learning": Learning, "sleeping": Sleeping, "spinning": Spinning} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				one, other := ends(b, waiting)
				done := make(chan error)
				var taken int64
				go func() {
					got, answer := make([]byte, size+40), make([]byte, 144)
					for range b.N {
						err := other.Await(0)
						if err == nil {
							err = other.Read(got[:40], 0)
						}
						if err == nil {
							err = other.Read(got[40:], 0)
						}
						if err == nil {
							err = other.Write(answer, nil, 0)
						}
						if err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				header, payload, answer := make([]byte, 40), make([]byte, size), make([]byte, 144)
				b.ReportAllocs()
				b.ResetTimer()
				began := measure.Now()
				for range b.N {
					if err := one.Write(header, payload, 0); err != nil {
						b.Fatal(err)
					}
					if err := one.Await(0); err != nil {
						b.Fatal(err)
					}
					if err := one.Read(answer, 0); err != nil {
						b.Fatal(err)
					}
				}
				taken = measure.Now() - began
				_ = taken
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size))
			})
		}
	}
}
