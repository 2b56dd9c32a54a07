package kernel

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// ringing is a route through rings with its targets, and what was sent last.
type ringing struct {
	route   transport.Route
	all     []interface{ Close() error }
	handoff transport.Handoff
	size    int64
}

func openRinging(t *testing.T, random *rand.Rand, tr transport.Transport, engine func() string) *ringing {
	with := setup("", 8<<20, 1+random.IntN(3))
	with.Origin = transport.Origins()[random.IntN(3)]
	with.Consume = []transport.Consume{transport.ConsumeRead, transport.ConsumeWrite}[random.IntN(2)]
	with.Serial = random.IntN(2) == 0
	var r ringing
	var endpoints []transport.Endpoint
	for range with.Fanout {
		with.Engine = engine()
		target := transporttest.Serve(t, tr, with)
		r.all, endpoints = append(r.all, target), append(endpoints, target.Endpoint())
	}
	with.Engine = engine()
	r.route = transporttest.Open(t, tr, with, endpoints...)
	r.all = append(r.all, r.route)
	return &r
}

// step hands a payload of a random size over, often of the size before, and compares digests.
func (r *ringing) step(t *testing.T, random *rand.Rand) {
	if r.size == 0 || random.IntN(3) == 0 {
		r.size = 1 + random.Int64N([]int64{100, 5000, 70_000, 600_000, 5 << 20}[min(random.IntN(16), 4)])
	}
	if random.IntN(4) == 0 {
		if err := r.route.(transport.Recycler).Recycle(r.size); err != nil {
			t.Fatal(err)
		}
	}
	spec := payloads.Spec{Kind: payloads.Text, Seed: random.Uint64(), Size: r.size}
	if err := errors.Join(r.route.Prepare(spec), r.route.Send(&r.handoff)); err != nil {
		t.Fatal(err)
	}
	digest := spec.Digest()
	for i := range r.handoff.Deliveries {
		if d := &r.handoff.Deliveries[i]; d.Err != nil || d.Digest != digest || d.Length != uint64(r.size) {
			t.Fatalf("%d bytes to target %d: %d with digest %x, not %x: %v", r.size, i, d.Length, d.Digest, digest, d.Err)
		}
		transporttest.CheckTimeline(t, r.handoff.Start, &r.handoff.Deliveries[i].Timeline)
	}
}

func ringTransports(t *testing.T) (transports []transport.Transport, engine func(random *rand.Rand) string) {
	for _, tr := range []transport.Transport{NewRing(), NewLearning(64 << 10)} {
		if err := tr.Check(); err != nil {
			t.Skip(err)
		}
		transports = append(transports, tr)
	}
	engines := modestest.Engines(t)
	return transports, func(random *rand.Rand) string { return engines[random.IntN(len(engines))] }
}

// TestPropertyRings runs random hand-offs through rings, by themselves and as one of the ways that a route learns
// to choose from: all sizes, origins, engines, fan-out, targets that write.
func TestPropertyRings(t *testing.T) {
	transporttest.SmallBlocks(t)
	transports, engine := ringTransports(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	before, count := transporttest.Descriptors(t), 0
	for end := time.Now().Add(propertyTime); time.Now().Before(end); {
		r := openRinging(t, random, transports[random.IntN(2)], func() string { return engine(random) })
		for range 40 {
			r.step(t, random)
			count++
		}
		random.Shuffle(len(r.all), func(i, j int) { r.all[i], r.all[j] = r.all[j], r.all[i] })
		transporttest.MustClose(t, r.all...)
	}
	t.Logf("%d hand-offs", count)
	transporttest.CheckDescriptors(t, before)
}

// TestSoakRings is long with the tag slow: rings must not take more of anything with time.
func TestSoakRings(t *testing.T) {
	transports, engine := ringTransports(t)
	random := rand.New(rand.NewPCG(3, 8))
	handoffs := soakHandoffs
	if testing.Short() {
		handoffs /= 4
	}
	for _, tr := range transports {
		r := openRinging(t, random, tr, func() string { return engine(random) })
		send := func(count int) transporttest.Holdings {
			for range count {
				r.step(t, random)
			}
			return transporttest.Held(t)
		}
		before := send(handoffs / 4)
		after := send(handoffs)
		t.Logf("%s: %+v, then %+v", tr.Info().Name, before, after)
		transporttest.CheckFlat(t, before, after, 8)
		transporttest.MustClose(t, r.all...)
	}
}
