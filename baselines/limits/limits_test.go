package limits

import (
	"slices"
	"testing"

	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// tested are those that payloads of every size suit.
func tested() []transport.Transport {
	return slices.DeleteFunc(All(), func(t transport.Transport) bool { return t.Info().Name == "limit/window" })
}

func TestMain(m *testing.M) { transporttest.Main(m, tested()...) }

func TestConformance(t *testing.T) {
	for _, limit := range tested() {
		transporttest.Run(t, func() transport.Transport { return limit }, transporttest.Options{})
	}
}
