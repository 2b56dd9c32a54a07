package kernel

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"rrbench/engines/catalogue"
	"rrbench/modes"
	"rrbench/modes/internal/relay"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/pages"
	"rrbench/transport/stream"
	"rrbench/transport/transporttest"
	"rrbench/workloads/hostile"
)

// propertyTime bounds TestPropertyHandoffs.
const propertyTime = 6 * time.Second

// twin is a target and its model: the same guest on the same engine, to whose memory
// payloads are copied. What mapping and parking should leave behind is written down in
// receive: after every step both memories are equal from the first byte to the last.
type twin struct {
	real   *guarded
	model  *modes.Function
	closer transport.Target
	// kept are regions that both guests keep, the real one's first.
	kept [][2]*modes.Region
}

// guarded is a resolver that a test may look at between two hand-offs: the race detector
// does not see that an acknowledgement comes before the next frame.
type guarded struct {
	lock sync.Mutex
	*resolver
	// keptNow is the region that the guest kept last.
	keptNow *modes.Region
}

func (g *guarded) Place(n uint64) ([]byte, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.resolver.Place(n)
}

func (g *guarded) Resolve(n uint64, reference stream.Reference) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.resolver.Resolve(n, reference)
}

func (g *guarded) Consume() (uint64, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.resolver.Consume()
}

func (g *guarded) Release() error {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.keptNow = nil
	if region := g.resolver.now.region; region.Kept() {
		g.keptNow = region
	}
	return g.resolver.Release()
}

func (g *guarded) Holds() (bool, uint64) {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.resolver.Holds()
}

func (g *guarded) Disconnected() {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.resolver.Disconnected()
}

// world is a route with its targets, and a model of them.
type world struct {
	t      *testing.T
	random *rand.Rand
	// from is the size from which payloads go by reference, maps that they are mapped.
	from int
	maps bool

	route   transport.Route
	source  *modes.Function
	lending *lending
	model   *modes.Function
	// prepared is the model's region.
	prepared *modes.Region

	targets []*twin
	spec    payloads.Spec
	handoff transport.Handoff
	digests []uint64
	count   int
}

// Lend and TakeBack make world the lender of the model's source.
func (w *world) Lend(region *modes.Region) {
	w.prepared = region
	payload := region.Bytes()
	if first, end := pages.Whole(payload); w.maps && len(payload) >= w.from && end > first {
		region.MayMove() // so that it will be settled as the real one
	}
}

func (w *world) TakeBack(*modes.Region) {}

func newWorld(t *testing.T, random *rand.Rand, of transport.Transport, engine func() string, guests map[string]string) *world {
	w := &world{t: t, random: random, maps: of.Info().Name != cmaName}
	hooked := *of.(*relay.Transport)
	hooked.NewResolver = func(function *modes.Function) relay.Resolver {
		g := &guarded{resolver: newResolver(function)}
		w.targets = append(w.targets, &twin{real: g})
		return g
	}
	newReferrer := hooked.NewReferrer
	hooked.NewReferrer = func(function *modes.Function, processes []int) (relay.Referrer, error) {
		w.source = function
		referrer, err := newReferrer(function, processes)
		if w.lending, _ = referrer.(*lending); w.lending != nil {
			w.from = w.lending.from
		}
		return referrer, err
	}
	setup := func(guest string) transport.Setup {
		with := setup(engine(), 16<<20, 1)
		with.Guest = guests[guest]
		return with
	}
	var endpoints []transport.Endpoint
	for i := range 1 + random.IntN(3) {
		with := setup("handle-obeys")
		served := transporttest.Serve(t, &hooked, with)
		endpoints = append(endpoints, served.Endpoint())
		model, err := modes.Load(context.Background(), with, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.targets[i].model, w.targets[i].closer = model, served
	}
	with := setup([]string{"c", "c", "c", "send-from-own-memory"}[random.IntN(4)])
	w.route = transporttest.Open(t, &hooked, with, endpoints...)
	var err error
	if w.model, err = modes.Load(context.Background(), with, w.carry); err != nil {
		t.Fatal(err)
	}
	w.model.SetLender(w)
	w.digests = make([]uint64, len(w.targets))
	return w
}

// carry is the source's send_to_host in the model.
func (w *world) carry(region *modes.Region) error {
	for i, target := range w.targets {
		w.count++
		digest, err := w.receive(target, region.Bytes())
		if err != nil {
			return err
		}
		w.digests[i] = digest
	}
	return nil
}

// receive says what a hand-off does to a target: the payload is in its region; afterwards
// the region's whole pages read as zeros if they were mapped and the guest does not keep
// them. They are settled when the guest gets its memory back, now or later.
func (w *world) receive(target *twin, payload []byte) (digest uint64, err error) {
	first, end := pages.Whole(payload)
	maps := w.maps && len(payload) >= w.from && end > first
	var region *modes.Region
	if maps {
		region, err = target.model.AllocateAligned(uint32(len(payload)), pages.Alignment{
			Offset: uintptr(-first) & uintptr(pages.Size-1), Modulus: uintptr(pages.Size),
		})
	} else {
		region, err = target.model.Allocate(uint32(len(payload)))
	}
	if err != nil {
		return 0, err
	}
	copy(region.Bytes(), payload)
	if maps && !region.MayMove() {
		w.t.Fatal("no place left")
	}
	if digest, err = target.model.Enter(region); err != nil {
		return 0, err
	}
	if region.Kept() {
		target.kept = append(target.kept, [2]*modes.Region{nil, region})
	} else if maps {
		clear(region.Bytes()[first:end])
	}
	return digest, target.model.Release(region)
}

// size is of every interesting kind.
func (w *world) size() int64 {
	page := int64(pages.Size)
	switch w.random.IntN(12) {
	case 0:
		return 1 + w.random.Int64N(100)
	case 1, 2:
		return page*(1+w.random.Int64N(4)) + w.random.Int64N(33) - 16
	case 3:
		return 1 + w.random.Int64N(page*70)
	case 4, 5, 6:
		return max(1, w.spec.Size)
	case 7:
		if w.random.IntN(8) == 0 {
			return 4<<20 + w.random.Int64N(3<<20)
		}
	}
	return 1 + w.random.Int64N(page*10)
}

// step prepares and sends, sends again, or has one side write to what the other has seen.
func (w *world) step() {
	switch w.random.IntN(8) {
	case 0:
		if w.scribbleAtSource(); w.random.IntN(2) == 0 {
			return
		}
	case 1:
		w.scribbleAtTarget()
		return
	case 2:
		if w.spec.Size > 0 {
			break // once more
		}
		fallthrough
	default:
		w.spec = payloads.Spec{Kind: payloads.Bytes, Seed: w.random.Uint64(), Size: w.size()}
		real, err := w.route.Prepare(w.spec)
		if err != nil {
			w.t.Fatal(err)
		}
		model, err := w.model.Prepare(w.spec)
		if err != nil || real != model {
			w.t.Fatalf("prepared %016x, the model %016x, %v", real, model, err)
		}
	}
	if w.spec.Size == 0 {
		return
	}
	if err := w.route.Send(&w.handoff); err != nil {
		w.t.Fatalf("sending %+v: %v", w.spec, err)
	}
	if err := w.model.Send(); err != nil {
		w.t.Fatalf("sending %+v in the model: %v", w.spec, err)
	}
	for i, target := range w.targets {
		d := &w.handoff.Deliveries[i]
		if d.Err != nil || d.Digest != w.digests[i] {
			w.t.Fatalf("target %d: %016x, %v, the model %016x", i, d.Digest, d.Err, w.digests[i])
		}
		w.match(target)
	}
}

// match notes which region of the real target is the one that its model has just kept.
func (w *world) match(target *twin) {
	target.real.lock.Lock()
	defer target.real.lock.Unlock()
	live := target.kept[:0]
	for _, pair := range target.kept {
		if pair[0] == nil {
			pair[0] = target.real.keptNow
		}
		if pair[0] != nil && pair[0].Kept() && pair[1].Kept() && pair[0].Pointer() == pair[1].Pointer() {
			live = append(live, pair)
		}
	}
	target.kept = live
}

// scribbleAtSource writes to what was prepared, as the source's guest may between two sends.
func (w *world) scribbleAtSource() {
	if w.lending == nil || w.lending.region == nil || w.prepared == nil || w.prepared.Pointer() != w.lending.region.Pointer() {
		return
	}
	w.scribble(w.lending.region.Bytes(), w.prepared.Bytes())
}

// scribbleAtTarget writes to what a target's guest has kept.
func (w *world) scribbleAtTarget() {
	target := w.targets[w.random.IntN(len(w.targets))]
	if len(target.kept) == 0 {
		return
	}
	target.real.lock.Lock()
	defer target.real.lock.Unlock()
	pair := target.kept[w.random.IntN(len(target.kept))]
	w.scribble(pair[0].Bytes(), pair[1].Bytes())
}

func (w *world) scribble(real, model []byte) {
	for range 1 + w.random.IntN(4) {
		at, value := w.random.IntN(len(real)), byte(w.random.Uint32())
		real[at], model[at] = value, value
	}
}

// compare looks at every byte of every memory.
func (w *world) compare() {
	w.t.Helper()
	w.same("the source", w.source.Memory(), w.model.Memory())
	for i, target := range w.targets {
		target.real.lock.Lock()
		w.same(fmt.Sprint("target ", i), target.real.function.Memory(), target.model.Memory())
		target.real.lock.Unlock()
	}
}

func (w *world) same(who string, real, model []byte) {
	w.t.Helper()
	if bytes.Equal(real, model) {
		return
	}
	if len(real) != len(model) {
		w.t.Fatalf("%s has a memory of %d bytes, the model's has %d", who, len(real), len(model))
	}
	for i := range real {
		if real[i] != model[i] {
			w.t.Fatalf("%s: byte %d is %#x, the model's is %#x (payload of %d bytes)", who, i, real[i], model[i], w.spec.Size)
		}
	}
}

func (w *world) close() {
	closers := []interface{ Close() error }{w.route, w.model}
	for _, target := range w.targets {
		closers = append(closers, target.closer, target.model)
	}
	w.random.Shuffle(len(closers), func(i, j int) { closers[i], closers[j] = closers[j], closers[i] })
	mustClose(w.t, closers...)
}

// TestPropertyHandoffs runs random hand-offs beside a plain model of memory: all sizes and
// alignments, fan-out, sources that send from memory of their own, targets that write to
// payloads, keep them, give them back late, grow and allocate, and writes of either side
// between hand-offs, which no other may see; on all engines.
func TestPropertyHandoffs(t *testing.T) {
	var engines []string
	for _, engine := range catalogue.Names() {
		if catalogue.Check(engine) == nil {
			engines = append(engines, engine)
		}
	}
	guests := map[string]string{"c": "c"}
	for _, name := range []string{"handle-obeys", "send-from-own-memory"} {
		guests[name] = hostile.File(t, name)
	}
	var transports []transport.Transport
	for _, of := range []transport.Transport{NewMemfd(), NewMemfd(), NewMemfd(), NewAdaptive(20000), NewCMA()} {
		if err := of.Check(); err != nil {
			t.Log(err)
			continue
		}
		transports = append(transports, of)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	before, count := transporttest.Descriptors(t), 0
	for end := time.Now().Add(propertyTime); time.Now().Before(end); {
		w := newWorld(t, random, transports[random.IntN(len(transports))], func() string { return engines[random.IntN(len(engines))] }, guests)
		for step := range 60 {
			w.step()
			// Looking at large memories takes longer than all the rest.
			if len(w.source.Memory()) < 2<<20 || step%5 == 0 {
				w.compare()
			}
		}
		w.compare()
		count += w.count
		w.close()
	}
	t.Logf("%d hand-offs", count)
	transporttest.CheckDescriptors(t, before)
	if left := mappings(t); left != 0 {
		t.Errorf("%d mappings of memory files are left", left)
	}
}
