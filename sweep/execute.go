package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"rrbench/catalogue"
	engines "rrbench/engines/catalogue"
	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/modes"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/shim"
	"rrbench/shim/launch"
	"rrbench/transport"
	"rrbench/tune/crossovers"
	"rrbench/workloads"
)

// Request is a sweep as a user asks for it.
type Request struct {
	// Flags win over the config file that they name.
	Flags    Config
	Command  []string
	Progress Progress
	Join     func(ctx context.Context, line string) (Peer, error)
	// Machine is the machine to plan for and to measure; nil stands for ThisMachine.
	Machine *Machine
}

func (r *Request) machine(ctx context.Context) (Machine, error) {
	if r.Machine != nil {
		return *r.Machine, nil
	}
	return ThisMachine(ctx, r.Flags.Containerd)
}

// Execute plans, measures and summarizes. With an error it returns the outcome of what was measured nevertheless, or nil.
func Execute(ctx context.Context, request Request) (_ *Outcome, err error) {
	machine, err := request.machine(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, machine.close()) }()
	run, err := begin(ctx, request, &machine)
	if err != nil {
		return nil, err
	}
	defer run.directory.Close()
	runner := &Runner{
		Plan:     run.plan,
		Machine:  machine,
		Journal:  run.journal,
		Progress: request.Progress,
		SetUps:   &run.manifest.SetUps,
		Done:     run.done,
		Found:    run.found,
		Measured: time.Duration(run.manifest.MeasuredNs),
		Began:    time.Now().Add(-time.Duration(run.manifest.TookNs)),
	}
	account := func() {
		run.manifest.MeasuredNs, run.manifest.TookNs = int64(runner.Measured), int64(time.Since(runner.Began))
	}
	runner.Save = func() (err error) {
		account()
		if run.manifest.Plan, err = json.Marshal(run.plan); err == nil {
			err = run.directory.WriteManifest(run.manifest)
		}
		return err
	}
	err = runner.Run(ctx)
	account()
	if ctx.Err() != nil {
		err = fmt.Errorf("%w; every finished trial is kept, go on with: rrbench sweep --resume %s", err, run.directory.Path())
	}
	outcome, finishErr := run.finish()
	return outcome, errors.Join(err, finishErr)
}

type run struct {
	directory *results.Directory
	manifest  results.Manifest
	journal   *results.Journal
	plan      *Plan
	done      results.Journaled
}

func begin(ctx context.Context, request Request, machine *Machine) (*run, error) {
	if request.Flags.Resume != "" {
		return resume(ctx, request, machine)
	}
	planned, err := planOf(ctx, request, machine)
	if err != nil {
		return nil, err
	}
	plan := planned.Plan
	program, err := ThisProgram()
	if err != nil {
		return nil, err
	}
	manifest := results.NewManifest()
	manifest.Name = plan.name()
	manifest.Command = results.Texts(request.Command)
	manifest.Inputs = append(planned.inputs, programs(plan.Cells, *machine)...)
	manifest.Seed = plan.Seed
	manifest.Peers = machine.facts()
	manifest.Transports = plan.transports(*machine)
	manifest.Versions.Program, manifest.Versions.ProgramDigest = program.Version, program.Digest
	manifest.Versions.Engines = plan.askEngines()
	manifest.Versions.Servers = serverVersions(plan, *machine)
	manifest.Versions.Runtimes = plan.askRuntimes(ctx, *machine)
	manifest.Shims = map[string][]string{"wasm": shim.Environment(transport.Wasm), "native": shim.Environment(transport.Native)}
	if manifest.Plan, err = json.Marshal(plan); err != nil {
		return nil, fmt.Errorf("write the plan: %w", err)
	}
	directory, err := results.Create(cmp.Or(planned.Out, results.DefaultPath(manifest.Start, manifest.Name)))
	if err != nil {
		return nil, err
	}
	var journal *results.Journal
	if err = directory.WriteManifest(manifest); err == nil {
		journal, err = directory.CreateJournal()
	}
	if err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return &run{directory: directory, manifest: manifest, journal: journal, plan: plan}, nil
}

func (r *run) journaled() (results.Journaled, error) {
	rows, err := r.directory.Journaled()
	if err != nil {
		err = fmt.Errorf("read the journal back: %w", err)
	}
	return rows, err
}

func (r *run) found() ([]results.Summary, error) {
	rows, err := r.journaled()
	return results.Summarize(rows.Trials, rows.Windows, r.manifest.TickNs), err
}

func (r *run) finish() (*Outcome, error) {
	if err := r.journal.Close(); err != nil {
		return nil, fmt.Errorf("close the journal: %w", err)
	}
	rows, err := r.journaled()
	if err != nil {
		return nil, err
	}
	missing := results.First(r.plan.account(rows.Trials, rows.Windows), "and %d more lines of this kind")
	summaries := results.Summarize(rows.Trials, rows.Windows, r.manifest.TickNs)
	m := &r.manifest
	m.Finish(rows.Trials, summaries)
	m.Warnings = slices.Concat(m.Warnings, r.plan.Warnings, missing)
	if r.plan.Stopped != "" {
		m.Warnings = append(m.Warnings, "more starts were measured until: "+r.plan.Stopped)
	}
	for _, line := range rows.Damage.Lines() {
		if !slices.Contains(m.Warnings, line) {
			m.Warnings = append(m.Warnings, line)
		}
	}
	outcome := &Outcome{Manifest: *m, Directory: r.directory.Path(), Summaries: summaries, Missing: missing}
	written := func(name string, err error) error {
		if err == nil {
			outcome.Files = append(outcome.Files, name)
		}
		return err
	}
	err = written("summary.csv", r.directory.WriteSummaries(summaries))
	outcome.Files = append(outcome.Files, "trials.csv", "windows.csv")
	return outcome, errors.Join(err, written("manifest.json", r.directory.WriteManifest(*m)))
}

func planOf(ctx context.Context, request Request, machine *Machine) (*Planned, error) {
	var inputs []results.Input
	var file Config
	if path := request.Flags.File; path != "" {
		c, source, err := ReadConfig(ctx, path, Parameters(machine.Transports))
		if err != nil {
			return nil, err
		}
		file = c
		inputs = append(inputs, inputOf(results.ConfigurationInput, "", source))
	}
	config, err := Resolve(request.Flags, file)
	if err != nil {
		return nil, err
	}
	guests, err := config.ReadGuests(ctx)
	if err != nil {
		return nil, err
	}
	inputs = append(inputs, guests...)
	// Where inter is one placement of several, and was not given by flag, its cells can wait for a node.
	between := func(e Experiment) bool { return slices.Contains(e.Placement, inter) }
	apart := func(e Experiment) bool { return !between(e) || len(e.Placement) > 1 }
	needed := slices.Contains(request.Flags.Placement, inter) || !slices.ContainsFunc(config.Experiments, apart)
	if slices.ContainsFunc(config.Experiments, between) && (needed || len(request.peerLines()) > 0) {
		if err := request.joinPeers(ctx, machine); err != nil {
			return nil, err
		}
	}
	if config.Seed == nil {
		config.Seed = new(rand.Uint64())
	}
	plan, err := NewPlan(config, *machine)
	if err != nil {
		return nil, err
	}
	if source := machine.Crossovers.Source; source != nil && plan.Crossovers == machine.Crossovers.Origin() {
		inputs = append(inputs, inputOf(results.CrossoversInput, "", source))
	}
	return &Planned{plan, byName(machine.Transports), config.Out, inputs}, nil
}

// ThisMachine describes this machine and program for a plan. The launcher containerd uses the containerd of the socket, or
// one of its own where that is empty. The error is a *UsageError where the user named a file of crossovers that cannot be used.
func ThisMachine(ctx context.Context, containerd string) (Machine, error) {
	chosen, err := crossovers.Choose(ctx)
	switch {
	case ctx.Err() != nil:
		return Machine{}, err
	case err != nil:
		return Machine{}, usage("%v", err)
	}
	return MachineWith(chosen, containerd)
}

// MachineWith is ThisMachine with these crossovers.
func MachineWith(chosen crossovers.Choice, containerd string) (Machine, error) {
	available, err := measure.AvailableMemory()
	if err != nil {
		return Machine{}, fmt.Errorf("read the free memory: %w", err)
	}
	launchers := launch.New(containerd)
	return Machine{
		Transports:  catalogue.Named(),
		Engines:     engines.Names(),
		EngineCheck: engines.Check,
		GuestCheck:  checkGuest,
		Programs:    programsOnce(),
		Runtimes: func(added []runtimes.Command, handlers []string) []runtimes.Runtime {
			return runtimes.All(engines.Names(), engines.Check, shimsOf, launchers.Containerd, added, handlers)
		},
		FunctionCheck: func(engine, guest string) (modes.Abilities, error) {
			return modes.Check(context.Background(), engine, guest)
		},
		Launcher:        launchers.For,
		CloseLaunchers:  launchers.Close,
		AvailableMemory: available,
		Resources:       shim.ReadResources(),
		Crossovers:      chosen,
	}, nil
}

func shimsOf(engine string) shim.Launcher {
	info, _ := launch.By(transport.Info{Runs: transport.Wasm}, "", engine) // its own launcher is always its own
	return launch.For(info)
}

func checkGuest(name string) error {
	for _, t := range catalogue.All() {
		if owner, ok := t.(transport.GuestOwner); ok && slices.Contains(owner.GuestNames(), name) {
			_, err := owner.GuestModule(name)
			return err
		}
	}
	_, err := workloads.Guest(name)
	return err
}

func (p *Plan) name() string { return cmp.Or(p.Preset, "sweep") }

func (p *Plan) transports(machine Machine) (infos results.Transports) {
	for _, t := range machine.Transports {
		info := t.Info()
		if slices.ContainsFunc(p.Cells, func(c PlannedCell) bool { return c.Transport == info.Name }) {
			one := results.TransportInfo{
				Name: info.Name, Summary: info.Summary, Family: string(info.Family), Place: info.Place, Limits: info.Limits,
			}
			if info.Parameter != nil {
				one.Flag = info.Parameter.Flag
			}
			infos = append(infos, one)
		}
	}
	return append(infos, p.programInfos()...)
}

// askEngines returns the version of each engine in use, and warns of those that cannot cache compiled modules.
func (p *Plan) askEngines() map[string]string {
	versions := make(map[string]string)
	for _, name := range engines.Names() {
		if !slices.ContainsFunc(p.Cells, func(c PlannedCell) bool { return c.runtime() == name && c.Skip == "" }) {
			continue
		}
		engine, err := engines.New(name, engines.Options{})
		if err != nil {
			continue
		}
		versions[name] = engine.Version()
		if fault := engine.CacheFault(); fault != nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("engine %s compiles large guests anew in each process: %s", name, foreign.Error(fault)))
		}
		engine.Close()
	}
	return versions
}

func serverVersions(plan *Plan, machine Machine) map[string]string {
	versions := make(map[string]string)
	for _, t := range machine.Transports {
		dependent, ok := t.(transport.Dependent)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(plan.Cells, func(c PlannedCell) bool { return c.Transport == t.Info().Name && c.Skip == "" }); i >= 0 {
			maps.Copy(versions, dependent.Versions(plan.Cells[i].Parameter))
		}
	}
	return versions
}

// Outcome is the result of a run.
type Outcome struct {
	results.Manifest
	Directory string
	Files     []string
	Summaries []results.Summary
	// Missing has a line for each cell that lacks rows of planned hand-offs.
	Missing []string
}

// Planned is the plan of a request, with the files that the request names.
type Planned struct {
	*Plan
	Infos map[string]transport.Info
	// Out is where the results go; planOf leaves it empty where the request does not name it.
	Out    string
	inputs []results.Input
}

// Memory estimates a cell's peak memory in bytes.
func (p *Planned) Memory(cell PlannedCell) int64 { return memoryOf(p.Infos[cell.mechanism()], cell) }

// Preview plans a request and measures nothing.
func Preview(ctx context.Context, request Request) (*Planned, error) {
	machine, err := request.machine(ctx)
	if err != nil {
		return nil, err
	}
	defer machine.close()
	planned, err := planOf(ctx, request, &machine)
	if err == nil && planned.Out == "" {
		planned.Out = results.DefaultPath(time.Now(), planned.name())
	}
	return planned, err
}
