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

// plan settles flags into one cell, as a sweep would, with the first engine that runs and the codec raw where there is one.
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
	machine, err := sweep.ThisMachine(ctx, flags.Containerd)
	if err != nil {
		return cell, setup, info, err
	}
	axes := &config.Experiments[0].Axes
	if t, err := catalogue.Find(axes.Transports[0]); err == nil {
		info = t.Info()
		if axes.Codecs == nil && slices.Contains(info.Codecs, transport.Raw) {
			axes.Codecs = []string{string(transport.Raw)}
		}
		// Where the codec does not look at what the payload consists of, that is of bytes: those are made without the
		// millions of small copies that text is put together from, each of which a probe would slow down.
		serializes := func(c string) bool { return c != string(transport.None) && c != string(transport.Raw) }
		if flags.Payload == "" && !slices.ContainsFunc(axes.Codecs, serializes) {
			axes.Payload = payloads.Bytes
		}
		if info.Runs == transport.Wasm && flags.Engines == nil {
			runs := func(engine string) bool { return machine.EngineCheck(engine) == nil }
			first := max(slices.IndexFunc(machine.Engines, runs), 0) // where none runs, for the error
			axes.Engines = machine.Engines[first : first+1]
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
