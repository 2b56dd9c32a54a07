package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// batchBytes bounds how much one batch moves, which is how much an interruption can lose.
const batchBytes = 256 * mib

// measureVisit measures a visit whose first steps, as many as begun, are in the journal already. It journals the rows of each
// batch at its end. It returns errors that no row has as its reason.
func (r *Runner) measureVisit(ctx context.Context, visit Visit, begun int) (err error) {
	cell := r.Plan.Cells[visit.Cell]
	if cell.Kind != "" {
		return r.measureProgram(ctx, visit, begun)
	}
	_, info, err := r.Machine.launched(cell)
	if err != nil {
		return err
	}
	if err := checkStandIn(info, cell); err != nil {
		return err
	}
	peers := r.Machine.peersOf(cell)
	var launchers []shim.Launcher // of the targets, none where the source's serves for all
	for _, peer := range peers {
		launchers = append(launchers, peer.Launcher(info))
	}
	shims, err := shim.StartCell(ctx, r.Machine.Launcher(info), info, r.Plan.Setup(&cell), launchers...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shims.Close()) }()
	took, err := shims.Connect(ctx, cell.Concurrency, cell.Fanin)
	if err != nil {
		return err
	}
	r.SetUps.Add(cell.Transport, cell.Engine, int64(took))
	clocks := newClocks(peers)
	clocks.read(ctx)
	for done := begun; done < cell.steps(visit); {
		batch := r.batch(visit, done, done == begun)
		if failed, err := r.measureBatch(ctx, shims, clocks, visit, batch, done); err != nil || failed {
			return err
		}
		done += stepsOf(batch)
	}
	return nil
}

// checkStandIn refuses to continue a run with a stand-in where it was begun without, or the reverse.
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

// Setup is the set-up for both ends of a cell's hand-offs.
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

// batch returns the next batch of a visit after done steps. Only the first one warms up and has a window, whose CPU times
// serve for the later batches.
func (r *Runner) batch(visit Visit, done int, first bool) shim.Batch {
	cell := &r.Plan.Cells[visit.Cell]
	perRound := cell.SizeBytes * int64(cell.Handoffs())
	batch := shim.Batch{
		Payload:  cell.Payload,
		Sizes:    cell.sizes(),
		Seed:     r.Plan.payloadSeed(visit, done),
		First:    done == 0,
		Rounds:   min(int(max(1, batchBytes/perRound)), cell.steps(visit)-max(done, 1)),
		Deadline: r.Plan.Deadline,
		Apart:    cell.Placement == inter,
	}
	if first && r.Plan.Window > 0 {
		batch.Warmup = r.Plan.Warmup
		batch.Window = r.Plan.Window / time.Duration(cell.Starts)
		batch.Least = leastInWindow(cell.Starts)
		batch.Rate = int(cell.Rate)
	}
	return batch
}

// leastInWindows is the least number of hand-offs of each worker in all windows of a cell together.
const leastInWindows = 3

func leastInWindow(starts int) int { return (leastInWindows + starts - 1) / starts }

func stepsOf(b shim.Batch) int {
	if b.First {
		return 1 + b.Rounds
	}
	return b.Rounds
}

func (r *Runner) measureBatch(ctx context.Context, shims *shim.Cell, clocks *clocks, visit Visit, batch shim.Batch, done int) (failed bool, err error) {
	cell := r.Plan.Cells[visit.Cell]
	expected := expectation{cell: cell, batch: batch}
	began := time.Now()
	var trials []results.Trial
	var acknowledged []int64
	window, err := shims.Run(ctx, batch, func(record shim.Record) error {
		step, err := expected.accept(&record)
		if err != nil {
			return err
		}
		trial := row(cell, record)
		trial.PayloadBytes = batch.Spec(record.Seed).Size
		cell.place(&trial, visit, done+step)
		trials, acknowledged = append(trials, trial), append(acknowledged, record.Timeline.AcknowledgedAfter())
		return nil
	})
	r.Measured += time.Since(began)
	clocks.read(ctx)
	clocks.translate(trials, acknowledged)
	if err == nil {
		err = expected.end()
	}
	var memory measure.Memory
	if failed = slices.ContainsFunc(trials, failure); failed {
		// Participants may have stopped answering.
		if ended := shims.Ended(); ended != nil {
			for i := range trials {
				if failure(trials[i]) {
					trials[i].Reason += " (" + foreign.Error(ended) + ")"
				}
			}
		}
	} else if err == nil {
		memory, err = shims.Memory(ctx)
		for i := range trials {
			trials[i].RSSPeak, trials[i].PSSPeak = memory.RSSPeak, memory.PSSPeak
		}
	}
	// The window first: a visit whose rows are there is not repeated when the run is resumed.
	unwritten := r.appendWindow(visit, window, memory)
	if unwritten == nil {
		unwritten = r.appendVisit(visit, trials)
	}
	return failed, cmp.Or(unwritten, err)
}

func failure(t results.Trial) bool { return t.Status == results.Failed }

// expectation checks the records of a batch: one for each step, worker and target, in this order. Only a
// failed hand-off may end them sooner, after its round.
type expectation struct {
	cell    PlannedCell
	batch   shim.Batch
	records int
	failed  bool
}

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

func row(cell PlannedCell, r shim.Record) results.Trial {
	trial := outcome(cell, results.OK, "")
	trial.Seed, trial.Worker, trial.Target, trial.T0 = r.Seed, r.Worker, r.Target, r.Timeline.Start
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
