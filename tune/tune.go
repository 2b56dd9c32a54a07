package tune

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"rrbench/transport"
	"rrbench/tune/crossovers"
)

const (
	// visits is how often a size is visited, at most.
	visits = 9
	// enough visits settle a size, where each found a mechanism to be clearly the faster:
	// the time goes to the sizes about which there is doubt.
	enough = 3
	// clearly is the ratio, or its inverse, beyond which a mechanism is so.
	clearly = 2
)

// VisitSeconds is about how long one takes, for the progress bar.
const VisitSeconds = 0.3

// Request says what to measure.
type Request struct {
	// Transports are those whose crossovers are sought; others are left out.
	Transports []transport.Transport
	// Find finds the mechanisms that they choose between.
	Find    func(name string) (transport.Transport, error)
	Engines []string
	// EngineCheck says why an engine cannot run here.
	EngineCheck func(name string) error
	// Seed makes the order of the visits and the payloads.
	Seed     uint64
	Progress Progress
}

// Progress is told how the measurement advances, never while something is measured.
type Progress interface {
	Begin(visits int)
	// Visiting names what is measured next, in one of several rounds over all sizes.
	Visiting(round, rounds int, transport, engine string, size int64)
	// Visited says that one more visit is over, or not needed.
	Visited()
	End()
}

// Curve is the outcome for one transport on one engine.
type Curve struct {
	Transport, Engine string
	transport.Crossover
	// Points are in ascending order of size.
	Points []Point
	// Chosen is the crossover in bytes, Because says why.
	Chosen  int64
	Because string
	// Skipped is why nothing was measured; empty when something was.
	Skipped string

	pair [2]transport.Transport
}

// Measure finds the crossovers. An error, also the context's end, leaves nothing behind.
func Measure(ctx context.Context, request Request) ([]*Curve, error) {
	curves, err := request.curves()
	if err != nil {
		return nil, err
	}
	type stop struct {
		curve *Curve
		step  int
	}
	var stops []stop
	for _, curve := range curves {
		for step := range curve.Points {
			stops = append(stops, stop{curve, step})
		}
	}
	random := rand.New(rand.NewPCG(request.Seed, 0))
	request.Progress.Begin(visits * len(stops))
	defer request.Progress.End()
	for round := range visits {
		for _, at := range random.Perm(len(stops)) {
			curve, step := stops[at].curve, stops[at].step
			if curve.settled(step) {
				request.Progress.Visited()
				continue
			}
			size := curve.Points[step].Size
			request.Progress.Visiting(round, visits, curve.Transport, curve.Engine, size)
			found, err := visit(ctx, curve.pair, curve.Engine, size, random)
			switch {
			case ctx.Err() != nil:
				return nil, context.Cause(ctx)
			case err != nil:
				return nil, err
			}
			curve.add(step, found)
			request.Progress.Visited()
		}
	}
	for _, curve := range curves {
		if curve.Skipped == "" {
			curve.conclude()
		}
	}
	return curves, nil
}

// curves are all that were asked for, those that cannot be measured here included.
func (r Request) curves() ([]*Curve, error) {
	var curves []*Curve
	for _, t := range r.Transports {
		info := t.Info()
		choice := info.Crossover()
		if choice == nil {
			continue
		}
		var pair [2]transport.Transport
		skipped := reason(t.Check())
		for i, name := range []string{choice.Below, choice.From} {
			found, err := r.Find(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", info.Name, err)
			}
			pair[i] = found
			if skipped == "" {
				skipped = reason(found.Check())
			}
		}
		for _, engine := range r.Engines {
			curve := &Curve{Transport: info.Name, Engine: engine, Crossover: *choice, pair: pair, Skipped: skipped}
			if skipped == "" {
				curve.Skipped = reason(r.EngineCheck(engine))
			}
			if curve.Skipped == "" {
				for _, size := range ladder(curve.Default, curve.Least) {
					curve.Points = append(curve.Points, Point{Size: size})
				}
			}
			curves = append(curves, curve)
		}
	}
	return curves, nil
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// add takes in a visit.
func (c *Curve) add(step int, found [2]times) {
	p := &c.Points[step]
	p.logs = append(p.logs, logRatio(found[1].consumed, found[0].consumed))
	p.latencyLogs = append(p.latencyLogs, logRatio(found[1].latency, found[0].latency))
	p.below = append(p.below, found[0].consumed...)
	p.from = append(p.from, found[1].consumed...)
}

func logRatio(a, b []float64) float64 { return math.Log(median(a) / median(b)) }

// settled says that a size needs no more visits.
func (c *Curve) settled(step int) bool {
	logs := c.Points[step].logs
	if len(logs) < enough {
		return false
	}
	return slices.Min(logs) > math.Log(clearly) || slices.Max(logs) < -math.Log(clearly)
}

// conclude sums up the points and finds the crossover.
func (c *Curve) conclude() {
	for i := range c.Points {
		p := &c.Points[i]
		p.Below, p.From = median(p.below), median(p.from)
		p.Ratio, p.Lo, p.Hi = math.Exp(median(p.logs)), math.Exp(slices.Min(p.logs)), math.Exp(slices.Max(p.logs))
		p.LatencyRatio = math.Exp(median(p.latencyLogs))
		p.Visits = len(p.logs)
	}
	c.Chosen, c.Because = decide(c.Points, c.Default)
}

// Choice is the name of the mechanism that payloads of a size get.
func (c *Curve) Choice(size int64) string {
	if size < c.Chosen {
		return c.Below
	}
	return c.From
}

// File is what to write of the curves that were measured, now and on this machine.
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
