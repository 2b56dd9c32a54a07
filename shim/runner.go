package shim

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rrbench/measure"
	"rrbench/transport"
)

const (
	// flushEvery is how old a finished record may grow before it is handed over at the
	// end of a round.
	flushEvery = 50 * time.Millisecond
	// keptRecords is how many records wait for that at most, unless one round makes more.
	keptRecords = 4096
)

// runner runs one batch on a goroutine of its own. It hands records over between rounds
// and waits until they are taken.
type runner struct {
	batch   Batch
	workers []*worker
	pool    *transport.Pool
	// send and prepareOne are a worker's steps, made once.
	send, prepareOne func(worker int)
	costs            costs

	handoffs int
	// kept is the memory of the records not handed over yet, of which the first finished
	// belong to finished rounds: those can be read while a round hangs.
	kept     []Record
	records  []Record
	finished atomic.Int64
	flushed  time.Time
	// batches carries records to the goroutine that started the runner, ack the answer.
	batches chan []Record
	ack     chan struct{}

	// took is how long the last round's sending took; disturbed is set when something else has been
	// done since.
	took      time.Duration
	disturbed bool

	// open is the window, once it has begun.
	open atomic.Pointer[windowRun]

	watched
}

type costs struct {
	known bool
	// userShare is the user time's part of all CPU time.
	userShare float64
	mean      shares
	// softIRQ is the interrupt work a hand-off, in nanoseconds.
	softIRQ int64
}

func costsOf(w *Window) costs {
	used := w.Source.Add(w.Targets).Add(w.Server)
	c := costs{mean: shareOf(used, float64(w.Tried)), softIRQ: w.SoftIRQ / int64(w.Tried)}
	if cpu := used.CPU(); cpu > 0 {
		c.known, c.userShare = true, float64(used.UserNs)/float64(cpu)
	}
	return c
}

// shares is a hand-off's part of a usage.
type shares struct{ userNs, kernelNs, minorFaults, contextSwitches float64 }

func shareOf(u measure.Usage, handoffs float64) shares {
	return shares{
		float64(u.UserNs) / handoffs, float64(u.KernelNs) / handoffs,
		float64(u.MinorFaults) / handoffs, float64(u.ContextSwitches) / handoffs,
	}
}

func (s shares) add(t shares) shares {
	return shares{s.userNs + t.userNs, s.kernelNs + t.kernelNs, s.minorFaults + t.minorFaults, s.contextSwitches + t.contextSwitches}
}

// tooShort is the length below which a round cannot be metered: the meter counts whole
// microseconds and takes about one itself.
const tooShort = 100 * time.Microsecond

// lastingRound is the length above which the effect of what was done before a round, some 50
// microseconds, is less than its noise.
const lastingRound = 5 * time.Millisecond

// newRunner makes the runner of one batch; costs are those that the last window over the
// same workers has shown.
func newRunner(batch Batch, workers []*worker, costs costs) *runner {
	handoffs := 0
	for _, w := range workers {
		w.apart = batch.Apart
		handoffs += w.fanout
	}
	rounds := min(max(batch.Rounds, 1), max(1, keptRecords/handoffs))
	kept := make([]Record, rounds*handoffs)
	return &runner{
		batch:      batch,
		workers:    workers,
		pool:       transport.NewPool(len(workers)),
		send:       func(i int) { workers[i].send() },
		prepareOne: func(i int) { workers[i].prepare() },
		costs:      costs,
		handoffs:   handoffs,
		kept:       kept,
		records:    kept[:0],
		flushed:    time.Now(),
		batches:    make(chan []Record),
		ack:        make(chan struct{}, 1),
	}
}

// run runs the batch. It returns errors that no record reports.
func (r *runner) run(ctx context.Context) error {
	defer r.pool.Close()
	if r.batch.First {
		used := r.round(firstRound, -r.batch.Warmup)
		goOn := r.record(firstRound, used)
		r.finished.Store(int64(len(r.records)))
		if err := r.flush(ctx); err != nil || !goOn {
			return err
		}
	}
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	if r.batch.Window > 0 {
		if err := r.window(ctx); err != nil {
			return err
		}
	}
	r.disturbed = true
	for round := range r.batch.Rounds {
		if cap(r.records)-len(r.records) < r.handoffs || time.Since(r.flushed) >= flushEvery {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		used := r.openedRound(round)
		goOn := r.record(round, used)
		r.finished.Store(int64(len(r.records)))
		if !goOn {
			break
		}
	}
	return r.flush(ctx)
}

func (r *runner) warmUp(ctx context.Context) error {
	rounds := r.batch.Warmup
	for round := -rounds; round < 0; round++ {
		if time.Since(r.flushed) >= flushEvery {
			// Without records it is a sign of life.
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.round(round, round+1)
		if err := r.verify(); err != nil {
			return fmt.Errorf("warm-up round %d of %d: %w", rounds+round+1, rounds, err)
		}
	}
	return nil
}

func (r *runner) verify() error {
	for i, w := range r.workers {
		for target := range w.handoff.Deliveries {
			if err, _ := w.failure(target); err != nil {
				return fmt.Errorf("worker %d, target %d: %w", i, target, err)
			}
		}
	}
	return nil
}

// openedRound runs a round. If something other than hand-offs was done since the last one, it runs another
// round before, which counts only when it fails: otherwise a short round would take up to three times
// as long.
func (r *runner) openedRound(round int) measure.Usage {
	if r.disturbed && (round == 0 || r.took < lastingRound) {
		used := r.round(openingRound-1-round, round)
		if r.verify() != nil {
			return used
		}
	}
	r.disturbed = false
	return r.round(round, round+1)
}

// round prepares and sends once in every worker, and returns what this process used for
// the sending. Another round comes next.
func (r *runner) round(round, next int) measure.Usage {
	for i, w := range r.workers {
		spec := r.batch.Spec(r.batch.SeedOf(round, i))
		w.expect(expectation{spec, spec.Digest()}, r.batch.Spec(r.batch.SeedOf(next, i)).Size)
	}
	r.enter(round, false)
	r.pool.Run(r.prepareOne)
	r.leave()
	for i, w := range r.workers {
		if w.err == nil {
			continue
		}
		// Since one could not prepare, none sends.
		for _, other := range r.workers {
			if other.err == nil {
				other.err = fmt.Errorf("not sent, because worker %d could not %w", i, w.err)
			}
		}
		return measure.Usage{}
	}
	r.enter(round, true)
	measure.TakeUsage()
	began := measure.Now()
	r.pool.Run(r.send)
	r.took = time.Duration(measure.Now() - began)
	used := measure.TakeUsage()
	r.leave()
	return used
}

// record keeps the round's hand-offs. It returns false when the batch must end: the rest of a payload that
// was not delivered could disturb the next.
func (r *runner) record(round int, used measure.Usage) bool {
	goOn := true
	ours := shareOf(used, float64(r.handoffs))
	for i, w := range r.workers {
		servers := shareOf(w.handoff.Server, float64(len(w.handoff.Deliveries)))
		for target := range w.handoff.Deliveries {
			d := &w.handoff.Deliveries[target]
			share := ours.add(servers).add(shareOf(d.Usage, 1))
			if r.costs.known {
				if r.took < tooShort {
					share = r.costs.mean
				}
				total := share.userNs + share.kernelNs
				share.userNs = total * r.costs.userShare
				share.kernelNs = total - share.userNs
			}
			record := Record{
				Round: max(round, 0), Worker: i, Target: target,
				First:           round == firstRound,
				Seed:            w.spec.Seed,
				Expected:        w.digest,
				Cycle:           w.cycle,
				Delivery:        *d,
				CPUUser:         int64(share.userNs + 0.5),
				CPUKernel:       int64(share.kernelNs + 0.5),
				SoftIRQ:         r.costs.softIRQ,
				MinorFaults:     share.minorFaults,
				ContextSwitches: share.contextSwitches,
			}
			if err, mismatch := w.failure(target); err != nil {
				record.Err = err
				goOn = goOn && mismatch
			}
			r.records = append(r.records, record)
		}
	}
	return goOn
}

func (r *runner) flush(ctx context.Context) error {
	select {
	case r.batches <- r.records:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.ack:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.finished.Store(0)
	r.records = r.records[:0]
	r.flushed = time.Now()
	r.disturbed = true
	return nil
}

// worker is an opened route and what it is about to send.
type worker struct {
	route    transport.Route
	recycler transport.Recycler
	// handoff has one delivery a target, also after a transport has changed their number.
	handoff transport.Handoff
	fanout  int
	// expectation is the payload under way, and next the size of the one after it.
	expectation
	next int64
	// cycle is how long the last hand-off took until the next payload may be written.
	cycle int64
	apart bool
	// err is why the last step failed, for all targets.
	err error
}

func newWorker(route transport.Route, fanout int) *worker {
	w := &worker{route: route, fanout: fanout}
	w.recycler, _ = route.(transport.Recycler)
	w.forget()
	return w
}

// expect begins a hand-off, and resets the last one's deliveries.
func (w *worker) expect(e expectation, next int64) {
	w.expectation, w.next, w.err = e, next, nil
	w.forget()
}

func (w *worker) forget() {
	w.handoff.Resize(w.fanout)
	w.handoff.Start, w.handoff.Server, w.cycle = 0, measure.Usage{}, 0
	for i := range w.handoff.Deliveries {
		w.handoff.Deliveries[i].Reset()
	}
}

func (w *worker) prepare() {
	if w.err = w.route.Prepare(w.spec); w.err != nil {
		w.err = fmt.Errorf("prepare the payload: %w", w.err)
	}
}

// send runs the cycle of a hand-off, all but the making of the payload.
func (w *worker) send() {
	if w.err != nil {
		return
	}
	w.err = w.route.Send(&w.handoff)
	if n := len(w.handoff.Deliveries); w.err == nil && n != w.fanout {
		w.err = fmt.Errorf("the transport answered for %d targets instead of %d", n, w.fanout)
	}
	if w.err == nil && w.recycler != nil {
		if err := w.recycler.Recycle(w.next); err != nil {
			w.err = fmt.Errorf("make room for the next payload: %w", err)
		}
	}
	if w.err != nil {
		w.forget()
		return
	}
	w.cycle = measure.Now() - w.handoff.Start
}

// failure is why the hand-off to one target failed, or nil. It is a mismatch where only the content is
// wrong.
func (w *worker) failure(target int) (err error, mismatch bool) {
	d := &w.handoff.Deliveries[target]
	switch {
	case w.err != nil:
		return w.err, false
	case d.Err != nil:
		return d.Err, false
	case d.Timeline == transport.Timeline{}:
		return errors.New("the transport said nothing of this target"), false
	case !w.apart && !d.Timeline.Ordered() || w.apart && !d.Timeline.OrderedApart():
		return fmt.Errorf("the moments of the hand-off are out of order: %+v", d.Timeline), false
	case d.Length != uint64(w.spec.Size):
		return fmt.Errorf("the target got %d bytes instead of %d", d.Length, w.spec.Size), true
	case d.Digest != w.digest:
		return fmt.Errorf("the target's digest is %016x, the source's %016x", d.Digest, w.digest), true
	}
	return nil, false
}
