package shim

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/payloads"
)

// Window is the result of a batch's window, in which every worker by itself repeats: make a payload, send it,
// have it consumed, make room for the next. It counts hand-offs to single
// targets. Where one did not end, all fields but Tried, OK, Failed and Reason are zero.
type Window struct {
	Tried, OK, Failed int
	// Bytes were consumed, in Ns.
	Bytes, Ns int64
	// Source is the usage of the source's process, Targets that of the targets' where they have
	// processes of their own, Server that of a server between them.
	Source, Targets, Server measure.Usage
	// SoftIRQ is the machine's interrupt work in nanoseconds.
	SoftIRQ int64
	// FunctionNs is the CPU time that the functions alone need for one hand-off to one target.
	FunctionNs float64
	// Latencies has those of OK in nanoseconds, in an open loop since they were due; nil where
	// there are none.
	Latencies *hdrhistogram.Histogram
	// Reason is why the first one failed.
	Reason string
}

const (
	// leastSpecs and mostSpecs bound how many payloads a window repeats. They are several, so that the
	// payload of an earlier hand-off, left in some buffer, cannot pass for the next. specBytes bounds how many bytes
	// are generated to compute their digests beforehand.
	leastSpecs = 5
	mostSpecs  = 61
	specBytes  = 16 << 20

	// longestLatency is the largest value of a histogram, in nanoseconds.
	longestLatency = int64(24 * time.Hour)
)

type expectation struct {
	spec   payloads.Spec
	digest uint64
}

// windowRun is a window under way. Its counts can be read while a worker hangs.
type windowRun struct {
	batch *Batch
	// payloads are those that workers repeat, each beginning with another one.
	payloads []expectation
	// began is when the window began. When ended is set, no worker begins another hand-off.
	began int64
	ended atomic.Bool
	// failure is the first one.
	failure atomic.Pointer[string]
	workers []*windowWorker
	// result is set when all workers are done.
	result atomic.Pointer[Window]
	taken  atomic.Bool
}

type windowWorker struct {
	*worker
	// since is when the hand-off under way began, 0 when none is.
	since     atomic.Int64
	tried, ok atomic.Int64
	// The rest may be read when the worker is done.
	bytes, ended    int64
	targets, server measure.Usage
	latencies       *hdrhistogram.Histogram
}

func newWindowRun(batch *Batch, workers []*worker) *windowRun {
	n := min(max(specBytes/batch.largest(), leastSpecs), mostSpecs)
	w := &windowRun{batch: batch, payloads: make([]expectation, int(n)+len(workers)-1)}
	for i := range w.payloads {
		spec := batch.Spec(batch.WindowSeed(i))
		w.payloads[i] = expectation{spec, spec.Digest()}
	}
	for _, one := range workers {
		w.workers = append(w.workers, &windowWorker{worker: one, latencies: hdrhistogram.New(1, longestLatency, 2)})
	}
	return w
}

func (w *windowRun) run(i int) {
	me := w.workers[i]
	least := max(w.batch.Least, 1)
	var pace pace // of a closed loop all is due at once
	if w.batch.Rate > 0 {
		pace = newPace(w.batch.Rate, i, len(w.workers))
		defer pace.end()
	}
	until := int64(w.batch.Window)
	now := measure.Now()
	for done := 0; ; done++ {
		due := w.began + pace.due(done)
		if elapsed := max(now, due) - w.began; w.ended.Load() || elapsed >= until && done >= least {
			break
		}
		me.since.Store(now)
		me.tried.Add(int64(me.fanout))
		me.expect(w.payloads[(i+done)%len(w.payloads)], w.payloads[(i+done+1)%len(w.payloads)].spec.Size)
		me.prepare()
		late := w.batch.Rate > 0 && !pace.wait(due, &me.since)
		me.send()
		now = measure.Now()
		if reason := me.count(due, late); reason != nil {
			text := foreign.Error(fmt.Errorf("worker %d, %w", i, reason))
			w.failure.CompareAndSwap(nil, &text)
			w.ended.Store(true)
		}
	}
	me.since.Store(0)
	me.ended = now
}

// count judges the hand-off that has ended. One that began late took from when it was due.
func (w *windowWorker) count(due int64, late bool) (failure error) {
	queued := int64(0)
	if late {
		queued = max(w.handoff.Start-due, 0)
	}
	w.server = w.server.Add(w.handoff.Server)
	for target := range w.handoff.Deliveries {
		d := &w.handoff.Deliveries[target]
		w.targets = w.targets.Add(d.Usage)
		if err, _ := w.failure(target); err != nil {
			if failure == nil {
				failure = fmt.Errorf("target %d: %w", target, err)
			}
			continue
		}
		w.ok.Add(1)
		w.bytes += w.spec.Size
		latency := d.Timeline.Latency()
		if w.apart {
			latency = d.Timeline.AcknowledgedAfter()
		}
		// Within its bounds a histogram refuses nothing.
		_ = w.latencies.RecordValue(min(max(queued+latency, 1), longestLatency))
	}
	return failure
}

// pace is when a worker's hand-offs are due in an open loop.
type pace struct {
	first, every float64
	slack        int
}

// newPace makes the workers take turns. It locks the thread, and makes its timers exact.
func newPace(rate, worker, workers int) pace {
	runtime.LockOSThread()
	between := 1e9 / float64(rate)
	p := pace{first: between * float64(worker), every: between * float64(workers)}
	p.slack, _ = unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return p
}

func (p *pace) end() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(p.slack), 0, 0, 0)
	runtime.UnlockOSThread()
}

// due is when a hand-off is due, in nanoseconds since the window began.
func (p *pace) due(i int) int64 { return int64(p.first + p.every*float64(i)) }

// wait waits until due, and returns false when that has passed. Waiting is no part of a hand-off.
func (p *pace) wait(due int64, since *atomic.Int64) bool {
	now := measure.Now()
	if now > due {
		return false
	}
	since.Store(0)
	for now < due {
		pause := unix.NsecToTimespec(due - now)
		_ = unix.Nanosleep(&pause, nil) // a signal may end it early
		now = measure.Now()
	}
	since.Store(now)
	return true
}

// window calibrates the functions, runs all workers by themselves for the batch's window, and derives
// the costs of a hand-off from the sum.
func (r *runner) window(ctx context.Context) error {
	functionNs, err := r.calibrate()
	if err != nil {
		return err
	}
	w := newWindowRun(&r.batch, r.workers)
	r.open.Store(w)
	stop := context.AfterFunc(ctx, func() { w.ended.Store(true) })
	defer stop()
	interrupts := measure.SoftIRQ()
	measure.TakeUsage()
	w.began = measure.Now()
	r.pool.Run(w.run)
	used := measure.TakeUsage()
	result := &Window{Source: used, SoftIRQ: measure.SoftIRQ() - interrupts, FunctionNs: functionNs}
	for _, one := range w.workers {
		result.Tried += int(one.tried.Load())
		result.OK += int(one.ok.Load())
		result.Bytes += one.bytes
		result.Ns = max(result.Ns, one.ended-w.began)
		result.Targets, result.Server = result.Targets.Add(one.targets), result.Server.Add(one.server)
		if result.Latencies == nil {
			result.Latencies = one.latencies
		} else {
			result.Latencies.Merge(one.latencies)
		}
	}
	result.Failed = result.Tried - result.OK
	r.disturbed = true
	if reason := w.failure.Load(); reason != nil {
		result.Reason = *reason
	}
	w.result.Store(result)
	if err := ctx.Err(); err != nil {
		return err
	}
	if result.Reason != "" {
		return fmt.Errorf("window: %s", result.Reason)
	}
	r.costs = costsOf(result)
	return nil
}

// take returns the window once: when it is over, or when hand-offs have not ended, which then count as
// failed. Otherwise it returns nil.
func (w *windowRun) take() *Window {
	if w == nil || w.taken.Load() {
		return nil
	}
	result := w.result.Load()
	if result == nil {
		result = new(Window)
		for _, one := range w.workers {
			result.Tried, result.OK = result.Tried+int(one.tried.Load()), result.OK+int(one.ok.Load())
		}
		if result.Failed = result.Tried - result.OK; result.Failed == 0 {
			return nil
		}
		result.Reason = "the last hand-off did not end"
	}
	w.taken.Store(true)
	return result
}

// since is when the oldest hand-off under way began, 0 without one.
func (w *windowRun) since() (oldest int64) {
	if w == nil {
		return 0
	}
	for _, one := range w.workers {
		if since := one.since.Load(); since != 0 && (oldest == 0 || since < oldest) {
			oldest = since
		}
	}
	return oldest
}

// rehearsal is the least CPU time over which the functions' own is measured, in nanoseconds; mostRehearsals
// bounds the repetitions for functions that need almost none.
const (
	rehearsal      = int64(2 * time.Millisecond)
	mostRehearsals = 1 << 16
)

// calibrate makes one source produce and consume payloads by itself, and returns the functions' CPU time of one
// hand-off to one target, in nanoseconds: the targets of a fan-out share that of producing the payload.
func (r *runner) calibrate() (ns float64, err error) {
	w := r.workers[0]
	both, err := r.rehearse("rehearse", w.route.Rehearse)
	if err != nil || w.fanout == 1 {
		return both, err
	}
	made, err := r.rehearse("prepare the payload", w.route.Prepare)
	return max(both-made, 0) + made/float64(w.fanout), err
}

// rehearse returns the CPU time of one step in nanoseconds. The first step makes room, and does not count.
func (r *runner) rehearse(name string, step func(payloads.Spec) error) (ns float64, err error) {
	seed := windowRound
	for n := 1; ; n *= 2 {
		r.enter(openingRound, false)
		measure.TakeUsage()
		for range n {
			seed--
			if err := step(r.batch.Spec(r.batch.SeedOf(seed, 0))); err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
		}
		used := measure.TakeUsage().CPU()
		r.leave()
		if n > 1 && used >= rehearsal || n >= mostRehearsals {
			return float64(used) / float64(n), nil
		}
	}
}
