package sweep

import (
	"cmp"
	"runtime"
	"time"

	"rrbench/shim"
	"rrbench/transport"
)

// Rough costs on a present-day machine of two processors, for --dry-run and until cells have been visited.
const (
	visitSeconds   = 0.07
	processSeconds = 0.05
	// guestSeconds is how long a guest with a language's runtime takes to start when its code is cached.
	guestSeconds = 0.35
	// Bytes a second at which a function makes or reads a payload.
	bytesPerSecond     = 1.5e9
	rawPerSecond       = 0.8e9
	linkBytesPerSecond = 0.117e9 // 1 Gbit/s
	// wasmSlowdown is how many times longer a WebAssembly function takes to serialize than a native one.
	wasmSlowdown = 2
)

var bytesBy = map[transport.Codec]float64{transport.Raw: rawPerSecond, transport.JSON: 0.22e9, transport.JSONStd: 0.11e9}

func (p *Plan) estimate(v Visit, infos map[string]transport.Info) float64 {
	cell := &p.Cells[v.Cell]
	if cell.Kind != "" {
		return cell.programSeconds()
	}
	info, codec := infos[cell.mechanism()], transport.Codec(cell.Codec)
	speed := cmp.Or(bytesBy[codec], bytesPerSecond)
	if cell.runtime() != transport.NativeEngine && speed < rawPerSecond {
		speed /= wasmSlowdown
	}
	size, sources, targets := float64(cell.SizeBytes), float64(cell.Sources()), float64(cell.Concurrency*cell.Fanout)
	functions := sources + targets
	handoff := size * functions / speed
	if cell.FanoutOrder != serial {
		handoff /= float64(min(runtime.NumCPU(), cell.Handoffs()))
	}
	if cell.Placement == inter {
		handoff += size * float64(cell.Handoffs()) / linkBytesPerSecond
	}
	seconds := visitSeconds + processSeconds*float64(shim.ShimsOf(info, cell.Fanout))
	if info.Guests[codec] != nil {
		seconds += guestSeconds * functions / float64(runtime.NumCPU())
	}
	least := float64(leastInWindow(cell.Starts))
	window := max((p.Window / time.Duration(cell.Starts)).Seconds(), least*handoff)
	return seconds + window + float64(cell.steps(v)+p.Warmup)*handoff
}

// Estimate returns about how long the whole plan takes.
func (p *Plan) Estimate(infos map[string]transport.Info) time.Duration {
	var seconds float64
	for _, visit := range p.Schedule() {
		seconds += p.estimate(visit, infos)
	}
	return time.Duration(seconds * float64(time.Second))
}

func byName(transports []transport.Transport) map[string]transport.Info {
	infos := make(map[string]transport.Info, len(transports))
	for _, t := range transports {
		infos[t.Info().Name] = t.Info()
	}
	return infos
}

// forecast predicts how long the rest of a run takes: by the visits of each cell so far, or before the first one by its
// estimate and the pace of all visits.
type forecast struct {
	cells     []visited
	done      time.Duration
	estimated float64
}

type visited struct {
	left, over int
	took       time.Duration
	estimated  float64
}

// trusted is the weight of the estimates against the first visits, in seconds of work: those visits take longer, because
// they compile modules and fill caches.
const trusted = 10

func newForecast(plan *Plan, infos map[string]transport.Info, visits []Visit) *forecast {
	f := &forecast{cells: make([]visited, len(plan.Cells))}
	for i := range f.cells {
		f.cells[i].estimated = plan.estimate(Visit{Cell: i}, infos)
	}
	for _, visit := range visits {
		f.cells[visit.Cell].left++
	}
	return f
}

func (f *forecast) expect(cell, visits int) { f.cells[cell].left = visits }

func (f *forecast) took(visit Visit, took time.Duration) {
	c := &f.cells[visit.Cell]
	c.left, c.over, c.took = c.left-1, c.over+1, c.took+took
	f.done, f.estimated = f.done+took, f.estimated+c.estimated
}

func (f *forecast) left() time.Duration {
	pace := (f.done.Seconds() + trusted) / (f.estimated + trusted)
	seconds := 0.0
	for i := range f.cells {
		c := &f.cells[i]
		each := c.estimated * pace
		if c.over > 0 {
			each = c.took.Seconds() / float64(c.over)
		}
		seconds += float64(c.left) * each
	}
	return time.Duration(seconds * float64(time.Second))
}
