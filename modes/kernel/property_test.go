package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/modestest"
	"rrbench/modes/sockets"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
	"rrbench/transport/transporttest"
)

// adaptiveFrom is the crossover of the transport that uses two mechanisms.
const adaptiveFrom = 20_000

// twin is a target and its model: the same guest on the same engine, to whose memory
// payloads are copied. What mapping and caching should leave behind is written down in
// receive: after every step both memories are equal from the first byte to the last.
type twin struct {
	name     string
	real     *guarded
	model    *modes.Function
	listener *stream.Listener
	// onward is how the real one sends on what it received, or nil.
	onward *onward
	// guards lie between payloads.
	guards modestest.Guards
	// kept are regions that both guests keep, the real one's first.
	kept [][2]*modes.Region
	// holds: it holds on to the file of the payload that came last, in the model.
	holds bool
}

// onward takes payloads from a target to the next one, as a route takes them from a source.
type onward struct {
	fan      *stream.Fan
	referrer sockets.Referrer
	handoff  transport.Handoff
}

func (o *onward) send(region *modes.Region) error {
	payload := region.Bytes()
	o.handoff.Start = measure.Now()
	reference, ok, err := o.referrer.Refer(region, payload)
	if err != nil {
		return err
	}
	if ok {
		held := o.fan.Refer(reference, payload, &o.handoff)
		if err := o.referrer.Finish(region, payload, held); err != nil {
			return err
		}
	} else {
		o.fan.Send(payload, &o.handoff)
	}
	o.referrer.Released(o.fan.TakeReleased())
	return o.handoff.Deliveries[0].Err
}

// Close is for when the function is closed.
func (o *onward) Close() error { return errors.Join(o.fan.Close(), o.referrer.Close()) }

// guarded is a resolver that a test may look at between two hand-offs: the race detector
// does not see that an acknowledgement comes before the next frame.
type guarded struct {
	lock sync.Mutex
	*resolver
	// keptNow is the region that the guest kept last.
	keptNow *modes.Region
	// arrivals are how payloads came that the model has not had yet.
	arrivals []arrival
	// looked counts the payloads in the window.
	looked int
}

// arrival is how a payload came: in the window, or with whole bytes after the head in a file, of
// which [first, end) of the region were mapped.
type arrival struct {
	shown                   bool
	head, whole, first, end int
}

// ForSource guards the resolver of the one source that a target has here at a time.
func (g *guarded) ForSource() stream.Receiver {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.resolver = g.resolver.ForSource().(*resolver)
	return &oneSource{g, g.resolver}
}

// oneSource is the guarded one for a source. That may be gone only when the next one is there.
type oneSource struct {
	*guarded
	own *resolver
}

func (s *oneSource) Disconnected() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.own.Disconnected()
}

func (g *guarded) Place(n uint64) ([]byte, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.arrivals = append(g.arrivals, arrival{})
	return g.resolver.Place(n)
}

func (g *guarded) Resolve(n uint64, reference stream.Reference) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	a := arrival{whole: int(n)}
	if d, err := parseLocator(reference.Locator, n); err == nil {
		a.head, a.whole = len(d.head), int(n)-len(d.head)-len(d.tail)
		if d.method == reading {
			a.whole = 0
		}
	}
	// Only what lies at the beginning of a file is ever copied beforehand.
	if a.whole == int(n) && g.writing.left > 0 {
		a.whole = 0
	}
	err := g.resolver.Resolve(n, reference)
	if err == nil {
		a.shown, a.first, a.end = g.now.shown, g.now.first, g.now.end
		g.arrivals = append(g.arrivals, a)
	}
	return err
}

// Consume fails where the guest would see more in its window than the payload.
func (g *guarded) Consume(d *transport.Delivery) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	if whole := g.function.Memory(); memory.Window < 1<<20 && g.function.Windowless() == nil && !g.views.kept {
		beside := whole[memory.WindowStart:memory.WindowEnd()]
		if g.now.shown {
			beside = beside[g.now.region.Len():]
			if g.looked++; g.looked%8 > 0 {
				// To look further makes pages of the file, which its source will not use again.
				beside = beside[:memory.Enough(int(g.now.region.Len()))-int(g.now.region.Len())]
			}
		}
		for i, b := range beside {
			if b != 0 {
				return fmt.Errorf("the target sees %#x, %d bytes before its window's end, beside %d bytes of payload", b, len(beside)-i, g.now.region.Len())
			}
		}
	}
	return g.resolver.Consume(d)
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

// world is a route with its targets, and a model of them.
type world struct {
	t      *testing.T
	random *rand.Rand
	// from is the size from which payloads go by reference, maps that they are mapped, most the longest.
	from int
	maps bool
	most int64
	// windowless is as for sockets.Transport.
	windowless func(setup transport.Setup, source bool) string

	route  transport.Route
	source *modes.Function
	memfd  *memfd
	model  *modes.Function
	// prepared is the model's region.
	prepared *modes.Region

	// targets are those of the route, all have those behind them as well.
	targets, all []*twin
	// origin is that of the route's payloads. recycled: what the source's buffer contains until the
	// next payload is its own from before.
	origin   transport.Origin
	recycled bool
	// unknown is a part of the source's window that may still contain what it had sent by any buffer.
	unknown [2]int
	spec    payloads.Spec
	handoff transport.Handoff
	digests []uint64
	count   int
}

// BeforeFill and BeforeFree make world the lender of the model's source.
func (w *world) BeforeFill(region *modes.Region) {
	w.prepared = region
	payload := region.Bytes()
	if !w.maps || len(payload) < w.from {
		return
	}
	if window := region.Window(); window != nil {
		clear(window[len(payload):])
		w.unknown = [2]int{0, len(payload)}
	}
	if first, end := memory.Whole(payload); end > first {
		region.MayMove() // so that it will be settled as the real one
	}
}

func (w *world) BeforeFree(*modes.Region) {}

// mostOf are the longest payloads in bytes that functions are for: with windows, and without, since no
// window is as long.
func mostOf() [2]int64 { return [2]int64{int64(memory.Window), 16 << 20} }

func newWorld(t *testing.T, random *rand.Rand, tr transport.Transport, most int64, engine func() string) *world {
	guests := modestest.Guests(t, "handle-obeys", "send-from-own-memory", "send-writes", "send-frees")
	w := &world{t: t, random: random, maps: tr.Info().Name != cmaName, most: most}
	hooked := *tr.(*sockets.Transport)
	w.windowless = hooked.Windowless
	if w.windowless == nil {
		w.windowless = func(transport.Setup, bool) string { return "the transport has none" }
	}
	newReferrer := hooked.NewReferrer
	hooked.NewReferrer = func(function *modes.Function, processes []int) (sockets.Referrer, error) {
		w.source = function
		referrer, err := newReferrer(function, processes)
		switch r := referrer.(type) {
		case *choosing:
			w.memfd, w.from = &r.memfd, int(r.crossover)
		case *memfd:
			w.memfd = r
		}
		return referrer, err
	}
	w.origin = transport.Origins()[random.IntN(3)]
	consume, serial := []transport.Consume{transport.ConsumeRead, transport.ConsumeWrite}[random.IntN(2)], random.IntN(2) == 0
	setup := func(guest string) transport.Setup {
		with := setup(engine(), w.most, 1)
		with.Guest, with.Origin, with.Consume, with.Serial = guests[guest], w.origin, consume, serial
		return with
	}
	var endpoints []transport.Endpoint
	for range 1 + random.IntN(3) {
		var next *twin
		for range 1 + random.IntN(3) {
			next = w.newTwin(tr, setup("handle-obeys"), next)
		}
		w.targets = append(w.targets, next)
		endpoints = append(endpoints, next.listener.Endpoint(tr.Info().Name))
	}
	with := setup([]string{"c", "c", "c", "send-from-own-memory", "send-writes", "send-frees"}[random.IntN(6)])
	w.route = transporttest.Open(t, &hooked, with, endpoints...)
	for _, target := range w.all {
		if target.onward != nil && w.memfd != nil {
			target.real.lock.Lock()
			target.onward.referrer.(*choosing).crossover = int64(w.from)
			target.real.lock.Unlock()
		}
	}
	var err error
	if w.model, err = modes.LoadWithWindow(context.Background(), with, w.carry, w.windowless(with, true)); err != nil {
		t.Fatal(err)
	}
	w.model.SetLender(w)
	if w.maps {
		w.model.PrepareInBlocks()
	}
	w.digests = make([]uint64, len(w.targets))
	return w
}

// newTwin makes a target that sends on to next, unless that is nil, when its guest wants to.
func (w *world) newTwin(tr transport.Transport, with transport.Setup, next *twin) *twin {
	target := &twin{name: fmt.Sprintf("function %d on %s", len(w.all), with.Engine)}
	var sendReal, sendModel modes.Sender
	if next != nil {
		target.onward = w.newOnward(tr, next)
		sendReal = target.onward.send
		sendModel = func(region *modes.Region) error {
			_, err := w.receive(next, region.Bytes())
			return err
		}
	}
	function, err := modes.LoadWithWindow(context.Background(), with, sendReal, w.windowless(with, false))
	if err != nil {
		w.t.Fatal(err)
	}
	target.real = &guarded{resolver: newResolver(function)}
	if target.listener, err = stream.Listen(""); err != nil {
		w.t.Fatal(err)
	}
	target.listener.Serve(stream.Service{Receiver: target.real, Limit: uint64(with.Size), Deadline: with.Deadline, Ring: tr.(*sockets.Transport).Ring})
	if target.model, err = modes.LoadWithWindow(context.Background(), with, sendModel, w.windowless(with, false)); err != nil {
		w.t.Fatal(err)
	}
	w.all = append(w.all, target)
	return target
}

func (w *world) newOnward(tr transport.Transport, next *twin) *onward {
	name := tr.Info().Name
	fan, err := stream.OpenFan(context.Background(), []transport.Endpoint{next.listener.Endpoint(name)}, stream.FanOptions{Transport: name, Deadline: 20 * time.Second, Ring: tr.(*sockets.Transport).Ring})
	if err != nil {
		w.t.Fatal(err)
	}
	o := &onward{fan: fan}
	if name != cmaName {
		o.referrer = &choosing{} // from where on is known when the route is opened
	} else if o.referrer, err = NewRemoteRead(fan.Processes()); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// Close ends the real target.
func (t *twin) Close() error {
	err := errors.Join(t.listener.Close(), t.real.function.Close(), t.real.resolver.Close())
	if t.onward != nil {
		err = errors.Join(err, t.onward.Close())
	}
	return err
}

// carry is the source's send_to_host in the model. What a target holds is taken from the source.
func (w *world) carry(region *modes.Region) error {
	held := false
	for i, target := range w.targets {
		digest, err := w.receive(target, region.Bytes())
		if err != nil {
			return err
		}
		w.digests[i] = digest
		held = held || target.holds
	}
	if held && region == w.prepared && region.Prepared() {
		clear(lendable(region))
	}
	return nil
}

// receive says what a hand-off does to a target: the payload is in its region; afterwards
// the blocks of the region read as zeros if they were mapped and the guest does not keep
// them. They are settled when the guest gets its memory back, now or later.
func (w *world) receive(target *twin, payload []byte) (digest uint64, err error) {
	w.count++
	target.real.lock.Lock()
	a := target.real.arrivals[0]
	target.real.arrivals = target.real.arrivals[1:]
	target.real.lock.Unlock()
	var region *modes.Region
	switch {
	case a.shown:
		region = target.model.AllocateInWindow(uint32(len(payload)))
		if region == nil {
			w.t.Fatal("a payload came into a window that is taken")
		}
		clear(region.Window())
	case a.whole >= memory.Block:
		region, err = target.model.AllocateAligned(uint32(len(payload)), memory.AlignmentOf(target.model.Memory()).Before(a.head))
	default:
		region, err = target.model.Allocate(uint32(len(payload)))
	}
	if err != nil {
		return 0, err
	}
	copy(region.Bytes(), payload)
	first, end := 0, 0
	if !a.shown && a.whole > 0 {
		first, end = memory.Blocks(region.Bytes()[a.head:][:a.whole])
		first, end = a.head+first, a.head+end
	}
	maps := end > first
	if maps != (a.end > a.first) || maps && (first != a.first || end != a.end) {
		w.t.Fatalf("mapped were [%d, %d) and not [%d, %d) of %d bytes", a.first, a.end, first, end, len(payload))
	}
	if maps && !region.MayMove() {
		w.t.Fatal("no place left")
	}
	if digest, err = target.model.Enter(region); err != nil {
		return 0, err
	}
	target.holds = region.Kept() && (maps || a.shown)
	if region.Kept() {
		target.kept = append(target.kept, [2]*modes.Region{nil, region})
	} else if maps {
		clear(region.Bytes()[first:end])
	}
	return digest, target.model.Release(region)
}

// size is of every interesting kind.
func (w *world) size() int64 {
	page := int64(memory.Size)
	switch w.random.IntN(12) {
	case 0:
		return 1 + w.random.Int64N(100)
	case 1, 2:
		return page*(1+w.random.Int64N(4)) + w.random.Int64N(33) - 16
	case 3:
		return 1 + w.random.Int64N(min(w.most, page*70))
	case 4, 5, 6:
		return max(1, w.spec.Size)
	case 7:
		if w.random.IntN(8) == 0 && w.most > 8<<20 {
			return 4<<20 + w.random.Int64N(3<<20)
		}
		return 1 + w.random.Int64N(min(w.most, page*64))
	}
	return 1 + w.random.Int64N(page*10)
}

// step prepares and sends, makes room, or has one side write to what the other has seen.
func (w *world) step() {
	size := w.size()
	switch w.random.IntN(10) {
	case 8, 9:
		w.changeGuards(w.random.IntN(2) == 0)
		return
	case 0:
		w.scribbleAtSource()
		return
	case 1:
		w.scribbleAtTarget()
		return
	case 2:
		// It may turn out to be for another size than the payload has.
		if err := errors.Join(w.route.(transport.Recycler).Recycle(size), w.model.Recycle(size)); err != nil {
			w.t.Fatal(err)
		}
		w.recycled = true
		return
	}
	w.spec = payloads.Spec{Kind: payloads.Text, Seed: w.random.Uint64(), Size: size}
	if w.origin == transport.OriginHost {
		w.spec.Kind = payloads.Bytes
	}
	if err := errors.Join(w.route.Prepare(w.spec), w.model.Prepare(w.spec)); err != nil {
		w.t.Fatal(err)
	}
	if w.unknown[0] = int(size); w.unknown[0] > w.unknown[1] {
		w.unknown = [2]int{}
	}
	if w.recycled = false; w.random.IntN(4) == 0 {
		w.scribbleAtSource()
	}
	if err := w.route.Send(&w.handoff); err != nil {
		w.t.Fatalf("sending %+v: %v", w.spec, err)
	}
	if err := w.model.Send(); err != nil {
		w.t.Fatalf("sending %+v in the model: %v", w.spec, err)
	}
	for i := range w.targets {
		d := &w.handoff.Deliveries[i]
		if d.Err != nil || d.Digest != w.digests[i] {
			w.t.Fatalf("target %d: %016x, %v, the model %016x", i, d.Digest, d.Err, w.digests[i])
		}
	}
	for _, target := range w.all {
		w.match(target)
	}
}

// changeGuards has a target and its model allocate a region beside those of payloads, or release one.
func (w *world) changeGuards(more bool) {
	target := w.all[w.random.IntN(len(w.all))]
	target.real.lock.Lock()
	defer target.real.lock.Unlock()
	if more {
		target.guards.Add(w.t, w.random, target.real.function, target.model)
	} else {
		target.guards.Drop(w.t, w.random)
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
	if w.memfd == nil || w.memfd.region == nil || w.prepared == nil || w.prepared.Pointer() != w.memfd.region.Pointer() {
		return
	}
	w.scribble(w.memfd.region.Bytes(), w.prepared.Bytes())
}

// scribbleAtTarget writes to what a target's guest has kept.
func (w *world) scribbleAtTarget() {
	target := w.all[w.random.IntN(len(w.all))]
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
	real, model := w.source.Memory(), w.model.Memory()
	if w.model.Windowless() == nil {
		w.beside("the source", real, model, memory.WindowStart+w.unknown[0], memory.WindowStart+w.unknown[1])
	} else if region := w.model.Prepared(); w.recycled && region != nil {
		w.beside("the source", real, model, int(region.Pointer()), int(region.Pointer()+region.Len()))
	} else {
		w.same("the source", real, model)
	}
	for _, target := range w.all {
		target.real.lock.Lock()
		real, model := target.real.function.Memory(), target.model.Memory()
		if target.model.Windowless() == nil && !target.real.views.kept {
			// What is there is looked at when the guest may see it.
			w.beside(target.name, real, model, memory.WindowStart, memory.WindowEnd())
		} else {
			w.same(target.name, real, model)
		}
		target.guards.Check(w.t, target.name)
		target.real.lock.Unlock()
	}
}

// beside compares all but [from, to).
func (w *world) beside(who string, real, model []byte, from, to int) {
	w.t.Helper()
	w.same(who, real[:from], model[:from])
	w.same(who, real[to:], model[to:])
}

func (w *world) same(who string, real, model []byte) {
	w.t.Helper()
	modestest.Same(w.t, who, w.spec.Size, real, model)
}

func (w *world) close() {
	closers := []interface{ Close() error }{w.route, w.model}
	for _, target := range w.all {
		closers = append(closers, target, target.model)
	}
	w.random.Shuffle(len(closers), func(i, j int) { closers[i], closers[j] = closers[j], closers[i] })
	transporttest.MustClose(w.t, closers...)
}

// TestPropertyHandoffs runs random hand-offs beside a plain model of memory: all sizes and
// alignments, fan-out, chains of functions that send on what they received, sources that send
// from memory of their own, write to what they have sent or free it, targets that write to
// payloads, keep them, give them back late, grow and allocate, and writes of either side
// between hand-offs, which no other may see; on all engines.
func TestPropertyHandoffs(t *testing.T) {
	transporttest.SmallBlocks(t)
	engines := modestest.Engines(t)
	var transports []transport.Transport
	for _, tr := range []transport.Transport{NewMemfd(), NewMemfd(), NewMemfd(), NewAdaptive(adaptiveFrom), NewCMA()} {
		if err := tr.Check(); err != nil {
			t.Log(err)
			continue
		}
		transports = append(transports, tr)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	before, count := transporttest.Descriptors(t), 0
	for end := time.Now().Add(propertyTime); time.Now().Before(end); {
		w := newWorld(t, random, transports[random.IntN(len(transports))], mostOf()[random.IntN(2)], func() string { return engines[random.IntN(len(engines))] })
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
