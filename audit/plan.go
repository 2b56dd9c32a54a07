package audit

import (
	"context"
	"fmt"
	"slices"

	"rrbench/catalogue"
	"rrbench/payloads"
	"rrbench/shim/launch"
	"rrbench/sweep"
	"rrbench/transport"
)

// plan settles flags into a plan of one cell, as a sweep would, with the first engine that runs and the codec raw where the
// transport has it. The Info is that of the transport, with the launcher of its shims.
func plan(ctx context.Context, flags sweep.Config) (settled *sweep.Plan, info transport.Info, err error) {
	flags.Concurrency, flags.Placement = []int{1}, []string{"intra"}
	config, err := sweep.Resolve(flags, sweep.Config{})
	if err != nil {
		return nil, info, err
	}
	if _, err := config.ReadGuests(ctx); err != nil {
		return nil, info, err
	}
	config.Seed = new(uint64)
	machine, err := sweep.ThisMachine(ctx, flags.Containerd)
	if err != nil {
		return nil, info, err
	}
	axes := &config.Experiments[0].Axes
	if t, err := catalogue.Find(axes.Transports[0]); err == nil {
		info = t.Info()
		if axes.Codecs == nil && slices.Contains(info.Codecs, transport.Raw) {
			axes.Codecs = []string{string(transport.Raw)}
		}
		// A codec that does not look into the payload gets bytes: text is put together by millions of small copies, and a
		// probe would slow each of them down.
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
	if settled, err = sweep.NewPlan(config, machine); err != nil {
		return nil, info, err
	}
	cell := &settled.Cells[0]
	if cell.Skip != "" {
		return nil, info, fmt.Errorf("%s cannot be audited here: %s", cell.Transport, cell.Skip)
	}
	info, err = launch.By(info, "", settled.Setup(cell).Engine)
	return settled, info, err
}
