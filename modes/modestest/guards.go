// Package modestest has what tests of several modes need: models of memories, and processes that lack something.
package modestest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/workloads/hostile"
)

// Engines are those that this program can run here.
func Engines(tb testing.TB) (here []string) {
	for _, engine := range catalogue.BuiltIn() {
		if err := catalogue.Check(engine); err != nil {
			tb.Log(err)
			continue
		}
		here = append(here, engine)
	}
	return here
}

// Guests are the built-in guest c and hostile ones, by their names.
func Guests(t *testing.T, names ...string) map[string]string {
	guests := map[string]string{"c": "c"}
	for _, name := range names {
		guests[name] = hostile.Guest(t, name)
	}
	return guests
}

// Guards are regions between payloads, of a function and of its model, in that order. Their bytes must not
// change.
type Guards [][2]*modes.Region

// Add allocates a guard of a random size at the same place of both, unless there are many.
func (g *Guards) Add(t *testing.T, random *rand.Rand, real, model *modes.Function) {
	t.Helper()
	if len(*g) == 8 {
		return
	}
	size := uint32(1 + random.IntN(3*memory.Size))
	var pair [2]*modes.Region
	for i, function := range []*modes.Function{real, model} {
		region, err := function.Allocate(size)
		if err != nil {
			t.Fatal(err)
		}
		for j, view := 0, region.Bytes(); j < len(view); j++ {
			view[j] = byte(size)
		}
		pair[i] = region
	}
	if pair[0].Pointer() != pair[1].Pointer() {
		t.Fatal("the model allocates elsewhere")
	}
	*g = append(*g, pair)
}

// Drop releases a random guard, if there is one.
func (g *Guards) Drop(t *testing.T, random *rand.Rand) {
	t.Helper()
	if len(*g) == 0 {
		return
	}
	i := random.IntN(len(*g))
	for _, region := range (*g)[i] {
		if err := region.Function().Release(region); err != nil {
			t.Fatal(err)
		}
	}
	*g = append((*g)[:i:i], (*g)[i+1:]...)
}

// Check checks the bytes of the function's guards.
func (g Guards) Check(t *testing.T, name string) {
	t.Helper()
	for _, pair := range g {
		if n := bytes.Count(pair[0].Bytes(), []byte{byte(pair[0].Len())}); n != int(pair[0].Len()) {
			t.Fatalf("%s: a guard of %d bytes has changed", name, pair[0].Len())
		}
	}
}

// Same compares a memory, or a part of it, with the model's. size is that of the payload sent last.
func Same(t *testing.T, name string, size int64, real, model []byte) {
	t.Helper()
	if bytes.Equal(real, model) {
		return
	}
	if len(real) != len(model) {
		t.Fatalf("%s has a memory of %d bytes, the model's has %d", name, len(real), len(model))
	}
	for i := range real {
		if real[i] != model[i] {
			t.Fatalf("%s: byte %d is %#x, the model's is %#x (payload of %d bytes)", name, i, real[i], model[i], size)
		}
	}
}
