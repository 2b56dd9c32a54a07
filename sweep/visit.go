package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/shim/launch"
	"rrbench/transport"
)

// batchBytes bounds what one batch moves, so that little is under way, and can be lost, at any
// moment.
const batchBytes = 256 * mib

// visitRequest is a visit less the steps that an earlier run has finished.
type visitRequest struct {
	Visit
	// doneSteps are already in the journal.
	doneSteps int
}

// measureVisit starts the functions of the visit's cell, measures and ends them. Rows reach
// the journal as soon as their batch is over, also when it or a later one fails; the error
// then says why, if no row does.
func (r *Runner) measureVisit(ctx context.Context, request visitRequest, out *visitJournal) (err error) {
	cell := r.Plan.Cells[request.Cell]
	if cell.Kind != "" {
		return r.measureProgram(ctx, request, out)
	}
	info, err := launch.By(r.infos[cell.mechanism()], cell.Launcher, cell.runtime())
	if err != nil {
		return err
	}
	if err := checkStandIn(info, cell); err != nil {
		return err
	}
	shims, err := shim.StartCell(ctx, r.Machine.Launcher(info), info, r.Plan.Setup(&cell), r.Machine.launchers(info, cell)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shims.Close()) }()
	took, err := shims.Connect(ctx, cell.Concurrency, cell.Fanin)
	if err != nil {
		return err
	}
	r.SetUps.Add(cell.Transport, cell.Engine, int64(took))
	clocks := r.Machine.clocksOf(cell)
	clocks.read(ctx)
	for done := request.doneSteps; done < cell.steps(request.Visit); {
		batch := r.batch(request, done)
		measured, err := r.measureBatch(ctx, cell, request, shims, clocks, batch, done)
		// The window first: a visit whose rows are there is not repeated when the run is resumed.
		if err := out.window(measured.window, measured.memory); err != nil {
			return err
		}
		if err := out.rows(measured.trials); err != nil {
			return err
		}
		if err != nil || anyFailed(measured.trials) {
			return err
		}
		done += stepsOf(batch)
	}
	return nil
}

// checkStandIn refuses to go on with something else than what a run was begun with.
func checkStandIn(info transport.Info, cell PlannedCell) error {
	var name string
	if _, s, _ := info.Parameter.Resolve(cell.Parameter); s != nil {
		name = s.Name
	}
	switch {
	case name == cell.StandIn:
		return nil
	case name == "":
		return &transport.Unavailable{Transport: info.Name, Remedy: "begin a new run to measure that",
			Reason: "this run was begun with " + cell.StandIn + " standing in for what is here now"}
	default:
		return &transport.Unavailable{Transport: info.Name, Remedy: "mend that, or begin a new run",
			Reason: "this run was begun without " + name + ", which would stand in for what is missing now"}
	}
}

// Setup is the set-up that both ends of a cell's hand-offs get.
func (p *Plan) Setup(cell *PlannedCell) transport.Setup {
	return transport.Setup{
		Engine:    cell.runtime(),
		Guest:     cell.Guest,
		Codec:     transport.Codec(cell.Codec),
		Payload:   cell.Payload,
		Size:      cell.SizeBytes,
		Fanout:    cell.Fanout,
		Serial:    cell.FanoutOrder == serial,
		Origin:    transport.Origin(cell.Origin),
		Consume:   transport.Consume(cell.Consume),
		Deadline:  p.Deadline,
		Parameter: cell.Parameter,
	}
}

// batch is the next batch of a visit of which done steps are over. Only the first warms up and has
// a window; what that has shown of CPU time holds for the batches after it.
func (r *Runner) batch(request visitRequest, done int) shim.Batch {
	cell := &r.Plan.Cells[request.Cell]
	perRound := cell.SizeBytes * int64(cell.Handoffs())
	batch := shim.Batch{
		Payload:  cell.Payload,
		Sizes:    cell.sizes(),
		Seed:     r.Plan.payloadSeed(request.Visit, done),
		First:    done == 0,
		Rounds:   min(int(max(1, batchBytes/perRound)), cell.steps(request.Visit)-max(done, 1)),
		Deadline: r.Plan.Deadline,
		Apart:    cell.Placement == inter,
	}
	if done == request.doneSteps && r.Plan.Window > 0 {
		batch.Warmup = r.Plan.Warmup
		batch.Window = r.Plan.Window / time.Duration(cell.Starts)
		batch.Least = leastInWindow(cell.Starts)
		batch.Rate = int(cell.Rate)
	}
	return batch
}

// leastInWindows is how many hand-offs the windows of a cell have all together, of each worker.
const leastInWindows = 3

// leastInWindow is that of each of so many starts.
func leastInWindow(starts int) int { return (leastInWindows + starts - 1) / starts }

// stepsOf is how many steps of a visit a batch has.
func stepsOf(b shim.Batch) int {
	if b.First {
		return 1 + b.Rounds
	}
	return b.Rounds
}

// measured is what a batch has come to.
type measured struct {
	trials []results.Trial
	window shim.Window
	memory measure.Memory
}

// measureBatch runs one batch and turns its records into rows, which are returned beside an
// error, too.
func (r *Runner) measureBatch(ctx context.Context, cell PlannedCell, request visitRequest, shims *shim.Cell, clocks *clocks, batch shim.Batch, done int) (m measured, err error) {
	expected := expectation{cell: cell, batch: batch}
	began := time.Now()
	var acknowledged []int64
	m.window, err = shims.Run(ctx, batch, func(record shim.Record) error {
		step, err := expected.accept(&record)
		if err != nil {
			return err
		}
		trial := row(cell, record)
		trial.PayloadBytes = batch.Spec(record.Seed).Size
		cell.place(&trial, request.Visit, done+step)
		m.trials, acknowledged = append(m.trials, trial), append(acknowledged, record.Timeline.AcknowledgedAfter())
		return nil
	})
	r.Measured += time.Since(began)
	clocks.read(ctx)
	clocks.translate(m.trials, acknowledged)
	if err == nil {
		err = expected.end()
	}
	// After a failure, participants may have stopped answering.
	if anyFailed(m.trials) {
		explainFailures(m.trials, shims.Ended())
	}
	if err != nil || anyFailed(m.trials) {
		return m, err
	}
	m.memory, err = shims.Memory(ctx)
	for i := range m.trials {
		m.trials[i].RSSPeak, m.trials[i].PSSPeak = m.memory.RSSPeak, m.memory.PSSPeak
	}
	return m, err
}

// explainFailures adds to the reasons of failed rows how participants have ended.
func explainFailures(trials []results.Trial, ended error) {
	if ended == nil {
		return
	}
	for i := range trials {
		if trials[i].Status == results.Failed {
			trials[i].Reason += " (" + foreign.Error(ended) + ")"
		}
	}
}

// expectation is what a batch must answer: one record for each step, worker and target, in
// this order. Only a failed hand-off ends it sooner, with its round.
type expectation struct {
	cell  PlannedCell
	batch shim.Batch
	// records were accepted; failed says that one of the last round's is of a failure.
	records int
	failed  bool
}

// place is where the next record belongs.
func (e *expectation) place() handoff {
	workers, targets := e.cell.Sources(), e.cell.Fanout
	return handoff{step: e.records / (workers * targets), worker: e.records / targets % workers, target: e.records % targets}
}

// accept returns the record's step in the batch.
func (e *expectation) accept(r *shim.Record) (step int, err error) {
	place := e.place()
	came := handoff{step: r.Round, worker: r.Worker, target: r.Target}
	if e.batch.First && !r.First {
		came.step++
	}
	if place.step == stepsOf(e.batch) || place != came || r.First && !e.batch.First {
		return 0, fmt.Errorf("a batch of %s answered with a record of round %d, worker %d, target %d in place %d", e, r.Round, r.Worker, r.Target, e.records)
	}
	if place.worker+place.target == 0 {
		e.failed = false
	}
	e.failed = e.failed || r.Err != nil
	e.records++
	return place.step, nil
}

func (e *expectation) end() error {
	place := e.place()
	if place.worker+place.target > 0 || place.step < stepsOf(e.batch) && !e.failed {
		return fmt.Errorf("a batch of %s answered with %d records", e, e.records)
	}
	return nil
}

func (e *expectation) String() string {
	return fmt.Sprintf("%d rounds of %d hand-offs to %d targets each", stepsOf(e.batch), e.cell.Sources(), e.cell.Fanout)
}

func anyFailed(trials []results.Trial) bool {
	return slices.ContainsFunc(trials, func(t results.Trial) bool { return t.Status == results.Failed })
}

// row makes a journal row of a shim's record.
func row(cell PlannedCell, r shim.Record) results.Trial {
	trial := results.Trial{
		Seed:    r.Seed,
		Point:   cell.Point,
		Payload: string(cell.Payload),
		Worker:  r.Worker,
		Target:  r.Target,
		Status:  results.OK,
		Clock:   clockOf(cell),
		T0:      r.Timeline.Start,
	}
	if r.Err != nil {
		trial.Status, trial.Reason = results.Failed, foreign.Error(r.Err)
		return trial
	}
	trial.Cycle = r.Cycle
	phases := r.Timeline.Phases()
	trial.Latency, trial.Consumed = r.Timeline.Latency(), r.Timeline.ConsumedAfter()
	trial.Serialize, trial.CopyOut, trial.Transfer = phases.Serialize, phases.CopyOut, phases.Transfer
	trial.CopyIn, trial.Deserialize = phases.CopyIn, phases.Deserialize
	trial.CPUUser, trial.CPUKernel, trial.SoftIRQ = r.CPUUser, r.CPUKernel, r.SoftIRQ
	trial.MinorFaults, trial.ContextSwitches = r.MinorFaults, r.ContextSwitches
	trial.Digest = results.Digest(r.Digest)
	return trial
}

// clockOf is the clock by which a cell's latencies are taken.
func clockOf(cell PlannedCell) string {
	if cell.Clock == "" {
		return results.ClockShared
	}
	return cell.Clock
}
