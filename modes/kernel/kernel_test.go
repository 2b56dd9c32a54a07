package kernel

import (
	"os"
	"strings"
	"testing"
	"time"

	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func all() []transport.Transport {
	return []transport.Transport{NewStream(), NewRing(), NewMemfd(), NewCMA(), NewAdaptive(DefaultCrossover)}
}

// Of several transports of one name a target is as good for the others.
func TestMain(m *testing.M) {
	transporttest.Main(m, NewStream(), NewRing(), NewMemfd(), NewCMA(), NewLearning(DefaultCrossover))
}

func setup(engine string, size int64, fanout int) transport.Setup {
	return transport.Setup{
		Engine: engine, Guest: "c", Codec: transport.None, Payload: payloads.Text,
		Size: size, Fanout: fanout, Deadline: 20 * time.Second,
	}
}

// forEach runs a test with every transport that refers to payloads on every engine of this
// program, and checks that no descriptor is left over.
func forEach(t *testing.T, test func(t *testing.T, tr transport.Transport, engine string)) {
	transporttest.SmallBlocks(t)
	for _, tr := range all()[2:] {
		for _, engine := range modestest.Engines(t) {
			t.Run(tr.Info().Name+"/"+engine, func(t *testing.T) {
				if err := tr.Check(); err != nil {
					t.Skip(err)
				}
				before := transporttest.Descriptors(t)
				test(t, tr, engine)
				transporttest.CheckDescriptors(t, before)
			})
		}
	}
}

// forEachEngine runs a test of kernel/memfd on every engine of this program.
func forEachEngine(t *testing.T, test func(t *testing.T, engine string)) {
	forEach(t, func(t *testing.T, tr transport.Transport, engine string) {
		if tr.Info().Name == memfdName {
			test(t, engine)
			if left := mappings(t); left != 0 {
				t.Errorf("%d mappings of memory files are left", left)
			}
		}
	})
}

func TestConformance(t *testing.T) {
	for _, tr := range append(all(), NewLearning(DefaultCrossover)) {
		transporttest.Run(t, func() transport.Transport { return tr }, transporttest.Options{})
	}
}

// mappings counts the mappings of payloads' memory files in this process.
func mappings(t testing.TB) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), "rrbench-payload")
}
