//go:build cgo && linux && amd64 && wasmer

package wasmer

import (
	"testing"

	"rrbench/engines/enginetest"
)

func TestConformance(t *testing.T) { enginetest.Run(t, New) }

func BenchmarkBorder(b *testing.B) { enginetest.Benchmark(b, New) }

func TestPlace(t *testing.T) { enginetest.Place(t, New) }
