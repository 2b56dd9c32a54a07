package kernel

import (
	"math/rand/v2"
	"testing"

	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// TestSoak is long with the tag soak. Functions that keep payloads, send them on and grow
// must not take more of anything with time.
func TestSoak(t *testing.T) {
	forEach(t, func(t *testing.T, tr transport.Transport, engine string) {
		for _, most := range mostOf() {
			w := newWorld(t, rand.New(rand.NewPCG(3, 7)), tr, most, func() string { return engine })
			soak(t, w)
			w.close()
		}
	})
}

func soak(t *testing.T, w *world) {
	send := func(count int) {
		for w.count < count {
			w.step()
		}
		w.compare()
	}
	// Until everything has been as large as it gets.
	send(soakHandoffs / 4)
	before := transporttest.Held(t, w.memories()...)
	send(soakHandoffs)
	after := transporttest.Held(t, w.memories()...)
	t.Logf("%d hand-offs: %+v, then %+v", w.count, before, after)
	transporttest.CheckFlat(t, before, after, (1+len(w.all))*(heldLimit+3))
}

// memories are those of all functions, the models' included.
func (w *world) memories() [][]byte {
	all := [][]byte{w.source.Memory(), w.model.Memory()}
	for _, target := range w.all {
		target.real.lock.Lock()
		all = append(all, target.real.function.Memory(), target.model.Memory())
		target.real.lock.Unlock()
	}
	return all
}
