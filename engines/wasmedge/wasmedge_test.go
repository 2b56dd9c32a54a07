//go:build cgo && linux && amd64 && wasmedge

package wasmedge

import (
	"testing"

	"rrbench/engines/enginetest"
)

func TestConformance(t *testing.T) { enginetest.Run(t, New) }

func BenchmarkBorder(b *testing.B) { enginetest.Benchmark(b, New) }

// TestPlace looks whether memories begin where windows can be.
func TestPlace(t *testing.T) {
	engine, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	enginetest.Place(t, engine)
}
