package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rrbench/foreign"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

const (
	// splitWindow is how long hand-offs are repeated for the split of CPU time into user
	// and kernel time, which tick-based accounting gives over 200 ms and more only.
	splitWindow = 200 * time.Millisecond
	// batchBytes bounds what one batch moves, so that little is under way, and can be
	// lost, at any moment.
	batchBytes = 256 * mib
)

// visitRequest is a visit less the rounds that an earlier run has finished.
type visitRequest struct {
	Visit
	// doneRounds are already in the journal.
	doneRounds int
}

// measureVisit starts the functions of the visit's cell, measures and ends them. Rows reach
// the journal as soon as their batch is over, also when it or a later one fails; the error
// then says why, if no row does.
func (r *Runner) measureVisit(ctx context.Context, request visitRequest, out *visitJournal) (err error) {
	cell, info := r.Plan.Cells[request.Cell], r.infos[r.Plan.Cells[request.Cell].Transport]
	if err := checkStandIn(info, cell); err != nil {
		return err
	}
	shims, err := shim.StartCell(ctx, r.Machine.Launcher(info), info, r.setup(cell))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shims.Close()) }()
	took, err := shims.Connect(ctx, cell.Concurrency)
	if err != nil {
		return err
	}
	r.SetUps.Add(cell.Transport, cell.Engine, int64(took))
	rounds := r.Plan.RoundsIn(request.Block)
	for done := request.doneRounds; done < rounds; {
		batch := r.batch(request, done)
		batch.Rounds = min(batch.Rounds, rounds-done)
		trials, window, err := r.measureBatch(ctx, cell, request, shims, batch, done)
		if journalErr := errors.Join(out.rows(trials), out.window(window)); journalErr != nil {
			return journalErr
		}
		if err != nil || anyFailed(trials) {
			return err
		}
		done += batch.Rounds
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

func (r *Runner) setup(cell PlannedCell) transport.Setup {
	return transport.Setup{
		Engine:    cell.runtime(),
		Guest:     cell.Guest,
		Codec:     transport.Codec(cell.Codec),
		Payload:   cell.Payload,
		Size:      cell.SizeBytes,
		Fanout:    cell.Fanout,
		Deadline:  r.Plan.Deadline,
		Parameter: cell.Parameter,
	}
}

// batch is the next batch of a visit of which done rounds are over. Only the first warms
// up; the split of CPU time into user and kernel time holds for the batches after it.
func (r *Runner) batch(request visitRequest, done int) shim.Batch {
	cell := r.Plan.Cells[request.Cell]
	perRound := cell.SizeBytes * int64(cell.Fanout*cell.Concurrency)
	batch := shim.Batch{
		Payload:  cell.Payload,
		Size:     cell.SizeBytes,
		Seed:     r.Plan.payloadSeed(request.Visit, done),
		Rounds:   int(max(1, batchBytes/perRound)),
		Deadline: r.Plan.Deadline,
	}
	if done == request.doneRounds {
		batch.Warmup = r.Plan.Warmup
		batch.Window = r.Plan.Window
	}
	return batch
}

// measureBatch runs one batch and turns its records into rows, which are returned beside an
// error, too.
func (r *Runner) measureBatch(ctx context.Context, cell PlannedCell, request visitRequest, shims *shim.Cell, batch shim.Batch, done int) (trials []results.Trial, window shim.Window, err error) {
	expected := expectation{cell: cell, rounds: batch.Rounds}
	window, err = shims.Run(ctx, batch, func(record shim.Record) error {
		if err := expected.accept(&record); err != nil {
			return err
		}
		trial := row(cell, record)
		trial.CellIndex = request.Cell
		trial.Block = request.Block
		trial.Rep = r.Plan.FirstRep(request.Block) + done + record.Round
		trials = append(trials, trial)
		return nil
	})
	if err == nil {
		err = expected.end()
	}
	// After a failure, participants may have stopped answering.
	if anyFailed(trials) {
		explainFailures(trials, shims.Ended())
	}
	if err != nil || anyFailed(trials) {
		return trials, window, err
	}
	memory, err := shims.Memory(ctx)
	for i := range trials {
		trials[i].RSSPeak, trials[i].PSSPeak = memory.RSSPeak, memory.PSSPeak
	}
	return trials, window, err
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

// expectation is what a batch must answer: one record for each round, worker and target, in
// this order. Only a failed hand-off ends it sooner, with its round.
type expectation struct {
	cell   PlannedCell
	rounds int
	// records were accepted; failed says that one of the last round's is of a failure.
	records int
	failed  bool
}

// place is where the next record belongs.
func (e *expectation) place() handoff {
	workers, targets := e.cell.Concurrency, e.cell.Fanout
	return handoff{e.records / (workers * targets), e.records / targets % workers, e.records % targets}
}

func (e *expectation) accept(r *shim.Record) error {
	place := e.place()
	if place.round == e.rounds || place != (handoff{r.Round, r.Worker, r.Target}) {
		return fmt.Errorf("a batch of %s answered with a record of round %d, worker %d, target %d in place %d", e, r.Round, r.Worker, r.Target, e.records)
	}
	if place.worker+place.target == 0 {
		e.failed = false
	}
	e.failed = e.failed || r.Err != nil
	e.records++
	return nil
}

func (e *expectation) end() error {
	place := e.place()
	if place.worker+place.target > 0 || place.round < e.rounds && !e.failed {
		return fmt.Errorf("a batch of %s answered with %d records", e, e.records)
	}
	return nil
}

func (e *expectation) String() string {
	return fmt.Sprintf("%d rounds of %d hand-offs to %d targets each", e.rounds, e.cell.Concurrency, e.cell.Fanout)
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
