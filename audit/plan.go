package audit

import (
	"context"
	"fmt"
	"slices"

	"rrbench/catalogue"
	"rrbench/payloads"
	"rrbench/sweep"
	"rrbench/transport"
)

// plan settles flags into one cell, as a sweep would, so that the same is refused in the
// same words. The first engine that runs here serves where none is given, and the codec raw
// where there is one.
func plan(ctx context.Context, flags sweep.Config) (cell sweep.PlannedCell, setup transport.Setup, info transport.Info, err error) {
	flags.Concurrency, flags.Placement = []int{1}, []string{"intra"}
	config, err := sweep.Resolve(flags, sweep.Config{})
	if err != nil {
		return cell, setup, info, err
	}
	if _, err := config.ReadGuests(ctx); err != nil {
		return cell, setup, info, err
	}
	config.Seed = new(uint64)
	machine, err := sweep.ThisMachine(ctx)
	if err != nil {
		return cell, setup, info, err
	}
	axes := &config.Experiments[0].Axes
	if t, err := catalogue.Find(axes.Transports[0]); err == nil {
		info = t.Info()
		if axes.Codecs == nil && slices.Contains(info.Codecs, transport.Raw) {
			axes.Codecs = []string{string(transport.Raw)}
		}
		if flags.Payload == "" && !serializes(axes.Codecs) {
			axes.Payload = payloads.Bytes
		}
		if info.Runs == transport.Wasm && flags.Engines == nil {
			axes.Engines = []string{firstEngine(machine)}
		}
	}
	settled, err := sweep.NewPlan(config, machine)
	if err != nil {
		return cell, setup, info, err
	}
	cell = settled.Cells[0]
	if cell.Skip != "" {
		return cell, setup, info, fmt.Errorf("%s cannot be audited here: %s", cell.Transport, cell.Skip)
	}
	return cell, settled.Setup(&cell), info, nil
}

// serializes says whether the codec looks at what the payload consists of. Where it does
// not, the payload is of bytes unless it was asked for: those are made without the millions
// of small copies that text is put together from, each of which a probe would slow down.
func serializes(codecs []string) bool {
	return slices.ContainsFunc(codecs, func(c string) bool { return c != string(transport.None) && c != string(transport.Raw) })
}

// firstEngine is the first that runs here, or the first of all, for its error.
func firstEngine(machine sweep.Machine) string {
	for _, name := range machine.Engines {
		if machine.EngineCheck(name) == nil {
			return name
		}
	}
	return machine.Engines[0]
}
