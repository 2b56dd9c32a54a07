//go:build cgo && linux && !wasmer

package wasmtime

import (
	"testing"

	"rrbench/engines/enginetest"
)

func TestConformance(t *testing.T) { enginetest.Run(t, New) }

func BenchmarkBorder(b *testing.B) { enginetest.Benchmark(b, New) }
