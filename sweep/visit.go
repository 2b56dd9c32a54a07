package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// host is a shim as the driver sees it; *shim.Process is one.
type host interface {
	Serve(ctx context.Context, transport string, setup transport.Setup) (transport.Endpoint, error)
	Open(ctx context.Context, transport string, setup transport.Setup, targets []transport.Endpoint) error
	Run(ctx context.Context, batch shim.Batch, each func(shim.Record) error) (shim.Window, error)
	Memory(ctx context.Context) (measure.Memory, error)
	Close() error
}

var _ host = (*shim.Process)(nil)

const (
	// splitWindow is how long hand-offs are repeated for the split of CPU time into user
	// and kernel time, which tick-based accounting gives over 200 ms and more only.
	splitWindow = 200 * time.Millisecond
	// batchBytes bounds what one batch moves, so that little is under way, and can be
	// lost, at any moment.
	batchBytes = 256 * mib
	// startsAtOnce bounds how many shims start at the same time.
	startsAtOnce = 8
)

// visitor carries out visits.
type visitor struct {
	plan  *Plan
	start func(ctx context.Context, name string, runs transport.Runs) (host, error)
	infos map[string]transport.Info
	// ready takes how long each visit's functions took to be ready.
	ready func(cell PlannedCell, took time.Duration)
}

// visitRequest is a visit less the rounds that an earlier run has finished.
type visitRequest struct {
	Visit
	// doneRounds are already in the journal.
	doneRounds int
}

// run starts the functions of the visit's cell, measures and ends them. Rows reach the
// journal as soon as their batch is over, also when it or a later one fails; the error then
// says why, if no row does.
func (v *visitor) run(ctx context.Context, request visitRequest, out *visitJournal) (err error) {
	cell := v.plan.Cells[request.Cell]
	if err := checkStandIn(v.infos[cell.Transport], cell); err != nil {
		return err
	}
	hosts, err := v.startHosts(ctx, v.infos[cell.Transport], cell.Fanout)
	defer func() {
		err = errors.Join(err, closeAll(hosts))
	}()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := v.connect(ctx, cell, hosts); err != nil {
		return err
	}
	v.ready(cell, time.Since(began))
	rounds := v.plan.RoundsIn(request.Block)
	for done := request.doneRounds; done < rounds; {
		batch := v.batch(request, done)
		batch.Rounds = min(batch.Rounds, rounds-done)
		trials, window, err := v.measure(ctx, cell, request, hosts, batch, done)
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
	if _, s, _ := info.Parameter.Settle(cell.Parameter); s != nil {
		name = s.Name
	}
	switch {
	case name == cell.StandIn:
		return nil
	case name == "":
		return fmt.Errorf("this run was begun with %s standing in for what is here now: begin a new one to measure that", cell.StandIn)
	default:
		return fmt.Errorf("this run was begun without %s, which would stand in for what is missing now: mend that, or begin a new run", name)
	}
}

// startHosts starts the source's shim, which comes first, and one for each target that has
// its own. What it returns beside an error must be closed too.
func (v *visitor) startHosts(ctx context.Context, info transport.Info, fanout int) ([]host, error) {
	hosts := make([]host, processesOf(info, fanout))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(startsAtOnce)
	for i := range hosts {
		name := "source"
		if i > 0 {
			name = fmt.Sprintf("target %d", i-1)
		}
		group.Go(func() (err error) {
			hosts[i], err = v.start(ctx, name, info.Runs)
			return err
		})
	}
	return hosts, group.Wait()
}

func closeAll(hosts []host) error {
	var group errgroup.Group
	for _, h := range hosts {
		if h != nil {
			group.Go(h.Close)
		}
	}
	return group.Wait()
}

// connect makes every target reachable and opens one route for each concurrent hand-off.
func (v *visitor) connect(ctx context.Context, cell PlannedCell, hosts []host) error {
	setup := v.setup(cell)
	source, targets := hosts[0], hosts[1:]
	for range cell.Concurrency {
		endpoints, err := serve(ctx, cell, setup, source, targets)
		if err != nil {
			return err
		}
		if err := source.Open(ctx, cell.Transport, setup, endpoints); err != nil {
			return err
		}
	}
	return nil
}

// serve makes one target function reachable for each of the fan-out: in a shim of its own,
// or in the source's where there are no others.
func serve(ctx context.Context, cell PlannedCell, setup transport.Setup, source host, targets []host) ([]transport.Endpoint, error) {
	endpoints := make([]transport.Endpoint, cell.Fanout)
	group, ctx := errgroup.WithContext(ctx)
	for i := range endpoints {
		target := source
		if len(targets) > 0 {
			target = targets[i]
		}
		group.Go(func() (err error) {
			endpoints[i], err = target.Serve(ctx, cell.Transport, setup)
			return err
		})
	}
	return endpoints, group.Wait()
}

func (v *visitor) setup(cell PlannedCell) transport.Setup {
	return transport.Setup{
		Engine:    cell.runtime(),
		Guest:     cell.Guest,
		Codec:     transport.Codec(cell.Codec),
		Payload:   cell.Payload,
		Size:      cell.SizeBytes,
		Fanout:    cell.Fanout,
		Deadline:  v.plan.Deadline,
		Parameter: cell.Parameter,
	}
}

// batch is the next batch of a visit of which done rounds are over. Only the first warms
// up; the split of CPU time into user and kernel time holds for the batches after it.
func (v *visitor) batch(request visitRequest, done int) shim.Batch {
	cell := v.plan.Cells[request.Cell]
	perRound := cell.SizeBytes * int64(cell.Fanout*cell.Concurrency)
	batch := shim.Batch{
		Payload:  cell.Payload,
		Size:     cell.SizeBytes,
		Seed:     v.plan.payloadSeed(request.Visit, done),
		Rounds:   int(max(1, batchBytes/perRound)),
		Deadline: v.plan.Deadline,
	}
	if done == request.doneRounds {
		batch.Warmup = v.plan.Warmup
		batch.Window = splitWindow
	}
	return batch
}

// measure runs one batch and turns its records into rows, which are returned beside an
// error, too.
func (v *visitor) measure(ctx context.Context, cell PlannedCell, request visitRequest, hosts []host, batch shim.Batch, done int) (trials []results.Trial, window shim.Window, err error) {
	expected := expectation{cell: cell, rounds: batch.Rounds}
	window, err = hosts[0].Run(ctx, batch, func(r shim.Record) error {
		if err := expected.accept(&r); err != nil {
			return err
		}
		trial := row(cell, r)
		trial.CellIndex = request.Cell
		trial.Block = request.Block
		trial.Rep = v.plan.FirstRep(request.Block) + done + r.Round
		trials = append(trials, trial)
		return nil
	})
	if err == nil {
		err = expected.end()
	}
	// After a failure, participants may have stopped answering.
	if err != nil || anyFailed(trials) {
		return trials, window, err
	}
	memory, err := v.memory(ctx, hosts)
	for i := range trials {
		trials[i].RSSPeak, trials[i].PSSPeak = memory.RSSPeak, memory.PSSPeak
	}
	return trials, window, err
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
	e.failed = e.failed || r.Err != ""
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

// memory adds up the peaks of all participants.
func (v *visitor) memory(ctx context.Context, hosts []host) (measure.Memory, error) {
	var total measure.Memory
	for _, h := range hosts {
		memory, err := h.Memory(ctx)
		if err != nil {
			return total, err
		}
		total.RSSPeak += memory.RSSPeak
		total.PSSPeak += memory.PSSPeak
	}
	return total, nil
}

// row makes a journal row of a shim's record.
func row(cell PlannedCell, r shim.Record) results.Trial {
	trial := results.Trial{
		Seed:    r.Seed,
		Cell:    cell.Cell,
		Payload: string(cell.Payload),
		Worker:  r.Worker,
		Target:  r.Target,
		Status:  results.OK,
		Clock:   clockOf(cell),
		T0:      r.Timeline.Start,
	}
	if r.Err != "" {
		trial.Status, trial.Reason = results.Failed, r.Err
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
