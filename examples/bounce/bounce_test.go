package bounce

import (
	"testing"

	"rrbench/transport/transporttest"
)

func TestMain(m *testing.M) { transporttest.Main(m, New()) }

// It allocates: each target has a goroutine for each hand-off.
func TestConformance(t *testing.T) {
	transporttest.Run(t, New, transporttest.Options{Allocates: true})
}
