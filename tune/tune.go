// Package tune measures a machine's crossovers: the payload sizes from which the transports
// user, kernel and network hand over by reference in less time than by copying.
//
// It measures by a sweep: the two mechanisms on each engine, over a ladder of sizes around the built-in crossover. Each block
// visits every size with both mechanisms, in random order, so that a longer disturbance affects both.
//
// The time from t0 until the target's handler has read every byte decides: after a hand-off by reference the reader does work
// that a copy has done before the handler is entered. The ratio of the latencies is shown beside it.
//
// The crossover divides the ladder so that the total of the logarithms of the times is least: one wrong result does not move
// it. It replaces the built-in crossover only if all visits but at most one find that the sizes between the two crossovers
// are faster with it.
package tune

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"rrbench/payloads"
	"rrbench/results"
	"rrbench/sweep"
	"rrbench/transport"
	"rrbench/tune/crossovers"
)

const (
	// visits is how often the functions of a size are started, rounds how many hand-offs each start measures, after as many
	// as warmUp.
	visits   = 9
	rounds   = 25
	warmUp   = 5
	deadline = 10 * time.Second
)

// Request is what to measure, and how.
type Request struct {
	// Transports are those to find crossovers for; those without one are left out.
	Transports []transport.Transport
	Engines    []string
	Seed       uint64
	Machine    sweep.Machine
	Progress   sweep.Progress
}

// Curve is the outcome for one transport on one engine.
type Curve struct {
	Transport, Engine string
	transport.Crossover
	Points []Point
	// Chosen is the crossover in bytes, Because the reason for it.
	Chosen  int64
	Because string
	Skipped string
}

// Measure finds the crossovers by a sweep. The first hand-off that fails ends it.
func Measure(ctx context.Context, request Request) ([]*Curve, error) {
	plan, curves, err := request.plan()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	found := &findings{}
	runner := sweep.Runner{
		Plan: plan, Machine: request.Machine, Journal: found,
		Progress: strict{request.Progress, stop}, SetUps: new(results.SetUps),
	}
	if err := runner.Run(ctx); err != nil {
		return nil, err
	}
	for _, curve := range curves {
		curve.conclude(found.rows)
	}
	return curves, nil
}

// plan makes the sweep. Each experiment has the name of the transport whose crossover it measures.
func (r Request) plan() (*sweep.Plan, []*Curve, error) {
	config := sweep.Config{Seed: &r.Seed, Warmup: new(warmUp), Deadline: deadline}
	var curves []*Curve
	for _, t := range r.Transports {
		info := t.Info()
		choice := info.Crossover()
		if choice == nil {
			continue
		}
		var points []Point
		var sizes []sweep.Size
		for _, size := range ladder(choice.Default) {
			points = append(points, Point{Size: size})
			sizes = append(sizes, sweep.Size(size))
		}
		for _, engine := range r.Engines {
			curves = append(curves, &Curve{Transport: info.Name, Engine: engine, Crossover: *choice, Points: slices.Clone(points)})
		}
		config.Experiments = append(config.Experiments, sweep.Experiment{Name: info.Name, Axes: sweep.Axes{
			Transports: []string{choice.Below, choice.From}, Engines: r.Engines, Sizes: sizes,
			Fanout: []int{1}, Fanin: []int{1}, FanoutOrder: []string{"parallel"}, Concurrency: []int{1}, Placement: []string{"intra"},
			Consume: []transport.Consume{transport.ConsumeRead}, Starts: visits, Rounds: rounds, Payload: payloads.Text, Guest: "c",
		}})
	}
	plan, err := sweep.NewPlan(config, r.Machine)
	if err != nil {
		return nil, nil, err
	}
	// Windows and second halves serve CPU times and noise, which are not used.
	plan.Window = 0
	for i := range plan.Cells {
		plan.Cells[i].Twice = false
	}
	return plan, curves, nil
}

type findings struct{ rows []results.Trial }

func (f *findings) Append(rows []results.Trial) error {
	f.rows = append(f.rows, rows...)
	return nil
}

func (*findings) AppendWindow(results.Window) error { return nil }

type strict struct {
	sweep.Progress
	stop context.CancelCauseFunc
}

func (s strict) Failed(cell sweep.PlannedCell, reason string) {
	s.stop(fmt.Errorf("%s on %s: %s", cell.Transport, cell.Engine, reason))
}

type times struct{ latency, consumed []float64 }

func (c *Curve) conclude(rows []results.Trial) {
	found := make([][visits][2]times, len(c.Points))
	for _, row := range rows {
		if row.Experiment != c.Transport || row.Engine != c.Engine {
			continue
		}
		if row.Status == results.Skipped {
			c.Skipped = row.Reason
			return
		}
		step := slices.IndexFunc(c.Points, func(p Point) bool { return p.Size == row.SizeBytes })
		of := &found[step][row.Block][0]
		if row.Transport == c.From {
			of = &found[step][row.Block][1]
		}
		of.latency = append(of.latency, float64(row.Latency))
		of.consumed = append(of.consumed, float64(row.Consumed))
	}
	for i := range c.Points {
		c.Points[i].conclude(found[i][:])
	}
	c.Chosen, c.Because = decide(c.Points, c.Default)
}

func (p *Point) conclude(found [][2]times) {
	var below, from, latency []float64
	for _, visit := range found {
		p.logs = append(p.logs, logRatio(visit[1].consumed, visit[0].consumed))
		latency = append(latency, logRatio(visit[1].latency, visit[0].latency))
		below = append(below, visit[0].consumed...)
		from = append(from, visit[1].consumed...)
	}
	p.Below, p.From = median(below), median(from)
	p.Ratio, p.Lo, p.Hi = math.Exp(median(p.logs)), math.Exp(slices.Min(p.logs)), math.Exp(slices.Max(p.logs))
	p.LatencyRatio, p.Visits = math.Exp(median(latency)), len(found)
}

func logRatio(a, b []float64) float64 { return math.Log(median(a) / median(b)) }

// Choice is the name of the mechanism for payloads of a size.
func (c *Curve) Choice(size int64) string {
	if size < c.Chosen {
		return c.Below
	}
	return c.From
}

// File is the content of the file of crossovers for the curves that were measured, with the present time and machine.
func File(curves []*Curve) *crossovers.File {
	f := &crossovers.File{Format: crossovers.Format, Measured: time.Now().UTC().Truncate(time.Second), Machine: crossovers.ThisMachine()}
	for _, c := range curves {
		if c.Skipped == "" {
			f.Crossovers = append(f.Crossovers, crossovers.Crossover{
				Transport: c.Transport, Engine: c.Engine, From: crossovers.Size(c.Chosen), Because: c.Because,
			})
		}
	}
	return f
}
