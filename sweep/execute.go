package sweep

import (
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
	// Flags win over the config file that they name; the plan of a run that they resume is taken
	// from its directory, but for where its guest is.
	Flags Config
	// Command is the command line for the manifest.
	Command  []string
	Progress Progress
	// Join joins another node, given its agent's line.
	Join func(ctx context.Context, line string) (Peer, error)
	// Machine is what to plan with and to measure; nil stands for ThisMachine.
	Machine *Machine
}

func (r *Request) machine(ctx context.Context) (Machine, error) {
	if r.Machine != nil {
		return *r.Machine, nil
	}
	machine, err := ThisMachine(ctx)
	launchers := launch.New(r.Flags.Containerd)
	machine.Launcher, machine.CloseLaunchers, machine.Runtimes = launchers.For, launchers.Close, runtimesBy(launchers)
	return machine, err
}

// Execute plans, measures and summarizes. The outcome is nil only when nothing was
// measured; beside an error it holds what was.
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
	}
	before, measured := run.manifest.TookNs, run.manifest.MeasuredNs
	began := time.Now()
	runner.Began = began.Add(-time.Duration(before))
	runner.Found = run.found
	account := func() {
		run.manifest.MeasuredNs = measured + int64(runner.Measured)
		run.manifest.TookNs = before + int64(time.Since(began))
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

// run is a sweep under way.
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
	settled, err := planOf(ctx, request, machine)
	if err != nil {
		return nil, err
	}
	plan, out := settled.plan, settled.out
	program, err := ThisProgram()
	if err != nil {
		return nil, err
	}
	manifest := results.NewManifest()
	manifest.Name = plan.name()
	manifest.Command = results.Texts(request.Command)
	manifest.Inputs = append(settled.inputs, programs(plan.Cells, *machine)...)
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
	if out == "" {
		out = results.DefaultPath(manifest.Start, manifest.Name)
	}
	directory, err := results.Create(out)
	if err != nil {
		return nil, err
	}
	if err := directory.WriteManifest(manifest); err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	journal, err := directory.CreateJournal()
	if err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return &run{directory: directory, manifest: manifest, journal: journal, plan: plan}, nil
}

// journaled reads the journal back.
func (r *run) journaled() (results.Journaled, error) {
	rows, err := r.directory.Journaled()
	if err != nil {
		err = fmt.Errorf("read the journal back: %w", err)
	}
	return rows, err
}

// found summarizes what the journal holds.
func (r *run) found() ([]results.Summary, error) {
	rows, err := r.journaled()
	return results.Summarize(rows.Trials, rows.Windows, r.manifest.TickNs), err
}

// finish closes the journal, summarizes, and completes the manifest.
func (r *run) finish() (*Outcome, error) {
	if err := r.journal.Close(); err != nil {
		return nil, fmt.Errorf("close the journal: %w", err)
	}
	rows, err := r.journaled()
	if err != nil {
		return nil, err
	}
	missing := capped(r.plan.account(rows.Trials, rows.Windows))
	summaries := results.Summarize(rows.Trials, rows.Windows, r.manifest.TickNs)
	outcome := &Outcome{Directory: r.directory.Path(), Summaries: summaries, Transports: r.manifest.Transports, Missing: missing}
	for _, s := range summaries {
		if s.Status == results.Failed {
			outcome.Failed++
		}
	}
	r.manifest.Finish(rows.Trials, summaries)
	r.manifest.Warnings = slices.Concat(r.manifest.Warnings, r.plan.Warnings, missing)
	if r.plan.Stopped != "" {
		r.manifest.Warnings = append(r.manifest.Warnings, "more starts were measured until: "+r.plan.Stopped)
	}
	for _, line := range rows.Damage.Lines() {
		if !slices.Contains(r.manifest.Warnings, line) {
			r.manifest.Warnings = append(r.manifest.Warnings, line)
		}
	}
	outcome.Warnings = r.manifest.Warnings
	outcome.SetUps = r.manifest.SetUps
	outcome.Measured, outcome.Took = time.Duration(r.manifest.MeasuredNs), time.Duration(r.manifest.TookNs)
	written := func(name string, err error) error {
		if err == nil {
			outcome.Files = append(outcome.Files, name)
		}
		return err
	}
	err = written("summary.csv", r.directory.WriteSummaries(summaries))
	outcome.Files = append(outcome.Files, "trials.csv", "windows.csv")
	return outcome, errors.Join(err, written("manifest.json", r.directory.WriteManifest(r.manifest)))
}

// settled is a request with all that it names read.
type settled struct {
	plan *Plan
	// out is the directory asked for; it may be empty.
	out    string
	inputs []results.Input
}

// planOf settles a request.
func planOf(ctx context.Context, request Request, machine *Machine) (*settled, error) {
	s := new(settled)
	var file Config
	if path := request.Flags.File; path != "" {
		c, source, err := ReadConfig(ctx, path, Parameters(machine.Transports))
		if err != nil {
			return nil, err
		}
		file = c
		s.inputs = append(s.inputs, inputOf(results.ConfigurationInput, "", source))
	}
	config, err := Resolve(request.Flags, file)
	if err != nil {
		return nil, err
	}
	guests, err := config.ReadGuests(ctx)
	if err != nil {
		return nil, err
	}
	s.inputs = append(s.inputs, guests...)
	// Where it is one placement of several, and not by flag, its cells can wait for a node.
	between := func(e Experiment) bool { return slices.Contains(e.Placement, inter) }
	apart := func(e Experiment) bool { return !between(e) || len(e.Placement) > 1 }
	needed := slices.Contains(request.Flags.Placement, inter) || !slices.ContainsFunc(config.Experiments, apart)
	if slices.ContainsFunc(config.Experiments, between) && (needed || len(request.peerLines()) > 0) {
		if err := request.joinPeers(ctx, machine); err != nil {
			return nil, err
		}
	}
	if config.Seed == nil {
		seed := rand.Uint64()
		config.Seed = &seed
	}
	if s.plan, err = NewPlan(config, *machine); err != nil {
		return nil, err
	}
	if source := machine.Crossovers.Source; source != nil && s.plan.Crossovers == machine.Crossovers.Origin() {
		s.inputs = append(s.inputs, inputOf(results.CrossoversInput, "", source))
	}
	s.out = config.Out
	return s, nil
}

// ThisMachine is what a plan needs to know of this machine and program. A file of crossovers
// that was named and cannot be used is a *UsageError.
func ThisMachine(ctx context.Context) (Machine, error) {
	chosen, err := crossovers.Choose(ctx)
	switch {
	case ctx.Err() != nil:
		return Machine{}, err
	case err != nil:
		return Machine{}, usage("%v", err)
	}
	return MachineWith(chosen)
}

// MachineWith is ThisMachine with these crossovers.
func MachineWith(chosen crossovers.Choice) (Machine, error) {
	available, err := measure.AvailableMemory()
	if err != nil {
		return Machine{}, fmt.Errorf("read the free memory: %w", err)
	}
	return Machine{
		Transports:    catalogue.All(),
		FindTransport: catalogue.Find,
		Engines:       engines.Names(),
		EngineCheck:   engines.Check,
		GuestCheck:    checkGuest,
		Programs:      programsOnce(),
		Runtimes:      runtimesBy(new(launch.Launchers)),
		FunctionCheck: func(engine, guest string) (modes.Abilities, error) {
			return modes.Check(context.Background(), engine, guest)
		},
		Launcher:        launch.For,
		AvailableMemory: available,
		Resources:       shim.ReadResources(),
		Crossovers:      chosen,
	}, nil
}

// runtimesBy are the runtimes of programs, those of containerd by one of these launchers.
func runtimesBy(launchers *launch.Launchers) func([]runtimes.Command, []string) []runtimes.Runtime {
	return func(added []runtimes.Command, handlers []string) []runtimes.Runtime {
		return runtimes.All(engines.Names(), engines.Check, shimsOf, launchers.Containerd, added, handlers)
	}
}

// shimsOf starts shims that have an engine.
func shimsOf(engine string) shim.Launcher {
	info, _ := launch.By(transport.Info{Runs: transport.Wasm}, "", engine) // its own launcher is always its own
	return launch.For(info)
}

// checkGuest says why a guest cannot be had.
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

func (p *Plan) name() string {
	if p.Preset == "" {
		return "sweep"
	}
	return p.Preset
}

// transports is what those of the plan say of themselves.
func (p *Plan) transports(machine Machine) (infos results.Transports) {
	all := slices.Clone(machine.Transports)
	for _, cell := range p.Cells {
		if t, err := machine.FindTransport(cell.Transport); err == nil && t.Info().Routes != nil {
			all = append(all, t)
			break
		}
	}
	for _, t := range all {
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

// askEngines asks each engine that the plan uses and that runs here for its version, and
// whether it can keep what it compiles.
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

// serverVersions asks the transports that the plan uses and that run here.
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

func programVersion(e measure.Environment) string {
	switch {
	case e.Commit == "":
		return results.UnknownVersion
	case e.Modified:
		return e.Commit + results.Modified
	}
	return e.Commit
}
