package sweep

import (
	"time"

	"rrbench/shim"
	"rrbench/transport"
)

// Rough costs on a present-day machine, for the progress bar and --dry-run only.
const (
	visitSeconds        = 0.12
	processSeconds      = 0.08
	bytesPerSecond      = 1.5e9
	serializedPerSecond = 0.2e9
	// wasmSlowdown is what serializing costs a WebAssembly function more than a native one.
	wasmSlowdown = 4
)

// estimate is about how many seconds a visit takes.
func (p *Plan) estimate(v Visit, infos map[string]transport.Info) float64 {
	cell := p.Cells[v.Cell]
	if cell.Kind != "" {
		return cell.programSeconds()
	}
	speed := bytesPerSecond
	switch transport.Codec(cell.Codec) {
	case transport.JSON, transport.JSONStd:
		speed = serializedPerSecond
		if cell.runtime() != transport.NativeEngine {
			speed /= wasmSlowdown
		}
	}
	moved := float64(cell.SizeBytes) * float64(cell.Concurrency) * float64(1+cell.Fanout)
	rounds := float64(cell.steps(v) + p.Warmup)
	window := max((p.Window / time.Duration(cell.Starts)).Seconds(), moved/speed)
	return visitSeconds + window + processSeconds*float64(shim.ShimsOf(infos[cell.mechanism()], cell.Fanout)) + rounds*moved/speed
}

// Estimate is about how long the whole plan takes.
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
