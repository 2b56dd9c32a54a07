package user

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// twin is a function that really takes part in hand-offs, and its model: the same guest on
// the same engine, which does the same, but to and from whose memory payloads are copied,
// byte by byte as it were. What a move should leave behind is written down in modelHandOff:
// after every step both memories must be equal from the first byte to the
// last, the guest's heap and stack and all guards included.
type twin struct {
	name string
	real *target
	// mover is for what this function sends on.
	mover mover
	model *modes.Function
	// next is whom it sends on to, or nil.
	next *twin
	// guards lie between payloads: regions that must stay untouched.
	guards modestest.Guards
}

// world is some functions and one route through them.
type world struct {
	t      *testing.T
	random *rand.Rand
	mode   *mode
	// source is the model of the route's source.
	source  *modes.Function
	route   *route
	targets []*twin
	all     []*twin
	spec    payloads.Spec
	handoff transport.Handoff
	// origin is that of the route's payloads. recycled: until the next payload the source's buffer may
	// contain zeros where it has written; where only the host sees it, or pages are shared, anything.
	origin   transport.Origin
	recycled bool
	// windowed: the source was to have a window. leaks: there its guest takes more with each hand-off.
	windowed, leaks bool
	// lent is what the model has in a target's memory until the route recycles.
	lent modelLent
	// written: before the hand-off under way the target was known to write to what it gets.
	written bool
	// inFile: the payload under way lies in a memory file.
	inFile bool
	// shown: the target's window shows the payload that was sent last.
	shown bool
	// model's digests, one a target.
	digests []uint64
	// handoffs counts those to every function.
	handoffs int
}

// newWorld makes a route with a few targets, of which some have others behind them.
func newWorld(t *testing.T, random *rand.Rand, m *mode, engines []string, guests map[string]string) *world {
	w := &world{t: t, random: random, mode: m}
	engine := func() string { return engines[random.IntN(len(engines))] }
	// Functions for payloads that are longer than a window have none.
	size := []int64{16 << 20, int64(memory.Window)}[random.IntN(2)]
	w.origin = transport.Origins()[random.IntN(3)]
	consume, serial := []transport.Consume{transport.ConsumeRead, transport.ConsumeWrite}[random.IntN(2)], random.IntN(2) == 0
	targets := 1 + random.IntN(3)
	setup := func(guest string) transport.Setup {
		return transport.Setup{
			Engine: engine(), Guest: guests[guest], Codec: transport.None, Size: size,
			Origin: w.origin, Consume: consume, Serial: serial, Fanout: targets,
		}
	}
	for range targets {
		var next *twin
		for range 1 + random.IntN(3) {
			next = w.newTwin(setup("handle-obeys"), next)
		}
		w.targets = append(w.targets, next)
	}
	var endpoints []transport.Endpoint
	for _, target := range w.targets {
		endpoints = append(endpoints, target.real.Endpoint())
	}
	source := setup([]string{"c", "c", "send-from-own-memory", "send-twice", "send-writes", "send-frees"}[random.IntN(6)])
	w.leaks = source.Guest == guests["send-frees"]
	opened, err := m.Open(context.Background(), source, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	w.route = opened.(*route)
	windowless := cmp.Or(m.windowless(source), w.targets[0].real.windowless)
	if w.source, err = modes.LoadWithWindow(context.Background(), source, w.modelCarry, windowless); err != nil {
		t.Fatal(err)
	}
	if !m.copies() {
		w.source.PrepareInBlocks()
	}
	w.windowed = windowless == ""
	w.digests = make([]uint64, len(w.targets))
	return w
}

func (w *world) newTwin(setup transport.Setup, next *twin) *twin {
	tw := &twin{name: fmt.Sprintf("function %d on %s", len(w.all), setup.Engine), next: next}
	var sendReal, sendModel modes.Sender
	if next != nil {
		sendReal = func(region *modes.Region) error {
			var delivery transport.Delivery
			if w.moves(region) {
				next.real.takePages(region, &tw.mover, &delivery)
			} else {
				next.real.take(region.Bytes(), false, &delivery)
			}
			return delivery.Err
		}
		sendModel = func(region *modes.Region) error {
			_, err := w.modelHandOff(tw.real.function, region, next, w.moves(region))
			return err
		}
	}
	windowless := w.mode.windowless(setup)
	function, err := modes.LoadWithWindow(context.Background(), setup, sendReal, windowless)
	if err != nil {
		w.t.Fatal(err)
	}
	tw.real = newTarget(w.mode, function)
	if tw.model, err = modes.LoadWithWindow(context.Background(), setup, sendModel, windowless); err != nil {
		w.t.Fatal(err)
	}
	w.all = append(w.all, tw)
	return tw
}

// moves says that a region moves that the host has not prepared.
func (w *world) moves(region *modes.Region) bool {
	return w.mode.moves && int64(region.Len()) >= w.mode.crossover && movable(region)
}

// modelCarry is the source's send_to_host in the model.
func (w *world) modelCarry(region *modes.Region) error {
	var failed error
	held := false
	for i, target := range w.targets {
		var err error
		if len(w.targets) > 1 {
			w.digests[i], held, err = w.modelShare(region, target, held)
		} else if by := w.route.mover.plan.by; region == w.source.Prepared() && by == sharing {
			w.digests[i], held, err = w.modelShare(region, target, held)
		} else {
			w.digests[i], err = w.modelHandOff(w.route.source, region, target, region == w.source.Prepared() && by == moving || region != w.source.Prepared() && w.moves(region))
		}
		if err != nil {
			failed = modes.ErrDelivery
		}
	}
	if held && w.inFile && region.Prepared() {
		payload := region.Bytes()
		first, end := memory.Whole(payload)
		if region.Window() != nil {
			first, end = 0, len(payload)
		}
		clear(payload[first:end])
	}
	return failed
}

// modelShare says what sharing does to the memory of one target: the payload is in its
// region. Blocks that were shared read as zeros after the handler, unless the guest
// keeps them, and so do those of a region that is freed. What a target holds on to is taken from the
// source. held is whether another does, and whether one does is returned.
func (w *world) modelShare(source *modes.Region, to *twin, held bool) (digest uint64, _ bool, err error) {
	w.handoffs++
	payload := source.Bytes()
	head, tail := memory.Whole(payload)
	refers := tail > head && (len(w.targets) == 1 || int64(len(payload)) >= max(w.mode.crossover, int64(memory.Block)))
	var region *modes.Region
	shown := false
	if source.Window() != nil {
		head, tail = 0, len(payload)
		if refers = !w.written; refers {
			region = to.model.AllocateInWindow(source.Len())
			shown = region != nil
		}
	}
	switch {
	case shown:
	case refers && tail-head >= memory.Block:
		region, err = to.model.AllocateAligned(source.Len(), memory.AlignmentOf(to.model.Memory()).Before(head))
	default:
		region, err = to.model.Allocate(source.Len())
	}
	if err != nil {
		return 0, held, err
	}
	copy(region.Bytes(), payload)
	from, end := 0, 0
	if shown {
		end = len(payload)
	} else if refers {
		from, end = memory.Blocks(region.Bytes()[head:tail])
		from, end = head+from, head+end
	}
	shares := end > from
	if shares {
		if !region.MayMove() {
			w.t.Fatal("no place left")
		}
		region.SetShared(true)
	}
	digest, err = to.model.Enter(region)
	holds := shares && region.Kept()
	w.shown = shown && !holds
	if shares && !holds {
		// What a window shows is looked at by itself.
		clear(region.Bytes()[from:end])
		region.SetShared(false)
	}
	if released := to.model.Release(region); err == nil {
		err = released
	}
	return digest, held || holds, err
}

// modelLent is a part of a target's region that the model clears later, or a whole window.
type modelLent struct {
	region     *modes.Region
	first, end int
}

// recycle is what the route does behind a hand-off.
func (w *world) recycle() {
	l := w.lent
	if l.region == nil {
		return
	}
	w.lent = modelLent{}
	if area := l.region.Bytes(); area != nil {
		clear(area[l.first:l.end])
		_ = l.region.Function().Release(l.region)
	}
}

// modelHandOff says what a hand-off does to the two memories: the payload is in the
// target's region. If pages moved, the source's region, or the blocks of it, read as zeros, and so
// do those of the target's, once the route recycles or, if the source's guest has made the region,
// after the handler, unless it keeps them. real is the function that does the same as the region's.
func (w *world) modelHandOff(real *modes.Function, source *modes.Region, to *twin, moves bool) (digest uint64, err error) {
	w.handoffs++
	payload := source.Bytes()
	from, end := memory.Blocks(payload)
	var region *modes.Region
	switch {
	case source.Window() != nil:
		if from, end = 0, len(payload); moves {
			region = to.model.AllocateInWindow(source.Len())
		}
		moves = region != nil
	case moves && end > from && source.Function().Movable() && !source.Shared():
		region, err = to.model.AllocateAligned(source.Len(), samePlace(real, source, to))
	default:
		moves = false
	}
	if region == nil && err == nil {
		region, err = to.model.Allocate(source.Len())
	}
	if err != nil {
		return 0, err
	}
	copy(region.Bytes(), payload)
	if moves && !region.MayMove() {
		w.t.Fatal("no place left")
	}
	digest, err = to.model.Enter(region)
	switch {
	case !moves || region.Kept():
	case source.Prepared():
		w.lent = modelLent{region, from, end}
		clear(source.Bytes()[from:end])
		return digest, err
	default:
		clear(region.Bytes()[from:end])
	}
	if released := to.model.Release(region); err == nil {
		err = released
	}
	if moves {
		clear(source.Bytes()[from:end])
	}
	return digest, err
}

// samePlace is the alignment that has the model's region begin at the offset at which the
// real one does: memories do not all begin on the same boundary.
func samePlace(real *modes.Function, source *modes.Region, to *twin) memory.Alignment {
	alignment := memory.AlignmentOf(source.Bytes())
	at := address(real.Memory()) + uintptr(source.Pointer()) - address(to.real.function.Memory()) + address(to.model.Memory())
	alignment.Offset = at & (alignment.Modulus - 1)
	return alignment
}

func address(area []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(area))) }

// size is of every interesting kind.
func (w *world) size() int64 {
	page := int64(memory.Size)
	switch w.random.IntN(12) {
	case 0:
		return 1 + w.random.Int64N(100)
	case 1, 2:
		return page*(1+w.random.Int64N(4)) + w.random.Int64N(33) - 16
	case 3:
		return 1 + w.random.Int64N(page*70)
	case 4:
		return w.spec.Size + w.random.Int64N(3)
	case 5:
		if w.random.IntN(8) == 0 {
			return 4<<20 + w.random.Int64N(3<<20)
		}
	}
	return 1 + w.random.Int64N(page*10)
}

// step does one thing to both.
func (w *world) step() {
	size := max(1, w.size())
	if w.windowed && w.mode.shares && len(w.targets) == 1 {
		// What is longer than a window, and than was said, changes between files of two kinds.
		size = min(size, int64(memory.Window))
	}
	w.shown = false
	switch w.random.IntN(10) {
	case 0:
		tw := w.any()
		tw.guards.Add(w.t, w.random, tw.real.function, tw.model)
		return
	case 1:
		w.any().guards.Drop(w.t, w.random)
		return
	case 2:
		// It may turn out to be for another size than the payload has.
		recycled := w.route.Recycle(size)
		w.recycle()
		w.both("recycle", recycled, w.source.Recycle(size))
		w.recycled = true
		if region := w.source.Prepared(); region != nil {
			w.settlePlace(region)
			if real := w.route.source.Prepared(); len(w.targets) == 1 && w.route.local != nil && real.Window() == nil && w.route.local.Lent(real) {
				// A file in the region's place has other bytes than what was there, until it is overwritten or given back.
				clear(real.Bytes())
				clear(region.Bytes())
			}
		}
		return
	case 3:
		w.both("send nothing", w.route.Send(&w.handoff), w.source.Send())
		return
	case 4, 5:
		if w.spec.Size > 0 {
			size = w.spec.Size
		}
	}
	w.spec = payloads.Spec{Kind: payloads.Text, Seed: w.random.Uint64(), Size: size}
	if w.origin == transport.OriginHost {
		w.spec.Kind = payloads.Bytes
	}
	prepared := w.route.Prepare(w.spec)
	w.recycle()
	w.both("prepare", prepared, w.source.Prepare(w.spec))
	w.recycled = false
	w.settlePlace(w.source.Prepared())
	local := w.route.local
	w.written = local != nil && w.route.receivers[0].Writes()
	w.inFile = local != nil && local.Lent(w.route.source.Prepared())
	real, model := w.route.Send(&w.handoff), w.source.Send()
	if errors.Is(model, modes.ErrDelivery) {
		model = nil
	}
	if (real == nil) != (model == nil) {
		w.t.Fatalf("sending %+v: %v, the model %v", w.spec, real, model)
	}
	for i := range w.handoff.Deliveries {
		delivery := &w.handoff.Deliveries[i]
		if delivery.Err != nil || delivery.Digest != w.digests[i] {
			w.t.Fatalf("target %d: %016x, %v, the model %016x", i, delivery.Digest, delivery.Err, w.digests[i])
		}
	}
}

// settlePlace has a region whose pages may move be settled before it is freed.
func (w *world) settlePlace(region *modes.Region) {
	least := w.mode.crossover
	if len(w.targets) > 1 {
		least = max(least, int64(memory.Block))
	}
	switch local, real := w.route.local, w.route.source.Prepared(); {
	case len(w.targets) == 1 && local != nil:
		if real != nil && local.Lent(real) {
			region.MayMove()
		}
	case int64(region.Len()) < least:
	case w.mode.moves || len(w.targets) > 1:
		movable(region)
	}
}

// both wants the two to end alike.
func (w *world) both(what string, real, model error) {
	w.t.Helper()
	if (real == nil) != (model == nil) || real != nil && what != "send nothing" {
		w.t.Fatalf("%s for %+v: %v, the model %v", what, w.spec, real, model)
	}
}

func (w *world) any() *twin { return w.all[w.random.IntN(len(w.all))] }

// compare looks at every byte of every memory.
func (w *world) compare() {
	w.t.Helper()
	real, model := w.route.source.Memory(), w.source.Memory()
	if w.source.Windowless() == nil && w.windowed && real != nil {
		w.compareWindow(real[memory.WindowStart:memory.WindowEnd()], model[memory.WindowStart:memory.WindowEnd()])
		w.same("the source", real[:memory.WindowStart], model[:memory.WindowStart])
		real, model = real[memory.WindowEnd():], model[memory.WindowEnd():]
	} else if region := w.source.Prepared(); w.recycled && region != nil && real != nil {
		begin, end := int(region.Pointer()), int(region.Pointer())+int(region.Len())
		w.same("the source", real[:begin], model[:begin])
		for i := begin; i < end && w.origin != transport.OriginHost && w.route.local == nil; i++ {
			if real[i] != model[i] && real[i] != 0 {
				w.t.Fatalf("the source sees %#x at byte %d, the model %#x", real[i], i, model[i])
			}
		}
		real, model = real[end:], model[end:]
	}
	w.same("the source", real, model)
	for _, tw := range w.all {
		if tw.real.function == nil {
			continue
		}
		real, model := tw.real.function.Memory(), tw.model.Memory()
		if w.route.local != nil && len(w.targets) == 1 && tw == w.targets[0] && w.route.receivers[0].Shows() && w.route.source.Memory() != nil {
			// What it has written is gone, and the source's has come: the two are suspended in turns.
			window := real[memory.WindowStart:memory.WindowEnd()]
			if region := w.route.source.Prepared(); w.shown && region != nil {
				w.same(tw.name+", window", window[:region.Len()], region.Bytes())
			}
			w.same(tw.name, real[:memory.WindowStart], model[:memory.WindowStart])
			real, model = real[memory.WindowEnd():], model[memory.WindowEnd():]
		}
		w.same(tw.name, real, model)
		tw.guards.Check(w.t, tw.name)
	}
}

// compareWindow looks at the source's window, which contains zeros in place of what the guest has written
// before, beside the payload and once it has been recycled.
func (w *world) compareWindow(real, model []byte) {
	w.t.Helper()
	payload := 0
	if region := w.source.Prepared(); region != nil && region.Window() != nil {
		payload = int(region.Len())
	}
	for i := range real {
		switch {
		case real[i] == model[i]:
		case w.recycled && i < payload && (w.origin == transport.OriginHost || w.route.local != nil):
			// The host alone sees that, or it is a payload of its own that a target had kept.
		case real[i] != 0 || i < payload && !w.recycled:
			w.t.Fatalf("the source's window has %#x at byte %d, the model's %#x (payload of %d bytes)", real[i], i, model[i], w.spec.Size)
		}
	}
}

func (w *world) same(who string, real, model []byte) {
	w.t.Helper()
	modestest.Same(w.t, who, w.spec.Size, real, model)
}

// close ends everything in any order, and looks whether what is left is as it was.
func (w *world) close() {
	closers := []func() error{func() error {
		closed := w.route.Close()
		w.recycle()
		return errors.Join(closed, w.source.Close())
	}}
	for _, tw := range w.all {
		closers = append(closers, func() error {
			return errors.Join(tw.real.Close(), tw.model.Close())
		})
	}
	w.random.Shuffle(len(closers), func(i, j int) { closers[i], closers[j] = closers[j], closers[i] })
	for _, closer := range closers {
		if err := closer(); err != nil {
			w.t.Fatal(err)
		}
		w.compare()
	}
}

// TestPropertyHandoffs runs random hand-offs beside a plain model of memory: all sizes and
// alignments, fan-out, chains, sources that send from memory of their own or twice, or write
// to what they have sent or free it, targets
// that write to payloads, keep them, give them back late, grow and allocate, on all engines.
func TestPropertyHandoffs(t *testing.T) {
	transporttest.SmallBlocks(t)
	engines, guests := modestest.Engines(t), guestsOf(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	modes := []transport.Transport{NewRemap(), NewRemap(), NewMemfd(), NewMemfd(), NewAdaptive(20000), NewLearning(20000), NewCopy()}
	handoffs, moved, copied, shared := 0, uint64(0), uint64(0), uint64(0)
	for start := time.Now(); time.Since(start) < propertyTime || (moved == 0 || shared == 0) && time.Since(start) < 10*propertyTime; {
		w := newWorld(t, random, modes[random.IntN(len(modes))].(*mode), engines, guests)
		for step := range 60 {
			w.step()
			// Looking at large memories takes longer than all the rest.
			if len(w.route.source.Memory()) < 2<<20 || step%5 == 0 {
				w.compare()
			}
		}
		w.compare()
		m, c := w.route.Moves()
		if w.windowed {
			c = 0 // targets keep what is in their windows
		}
		handoffs, moved, copied, shared = handoffs+w.handoffs, moved+m, copied+c, shared+w.route.mover.shared.Load()
		w.close()
	}
	t.Logf("%d hand-offs; the routes moved pages in %d and could not in %d, and shared them in %d fan-outs", handoffs, moved, copied, shared)
	if moved == 0 || copied > 0 || shared == 0 {
		t.Errorf("pages moved in %d hand-offs and could not in %d, and were shared in %d fan-outs", moved, copied, shared)
	}
}

// guestsOf are the guests of a world.
func guestsOf(t *testing.T) map[string]string {
	return modestest.Guests(t, "handle-obeys", "send-from-own-memory", "send-twice", "send-writes", "send-frees")
}
