package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rrbench/foreign"
	"rrbench/payloads"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/transport"
)

var idleCounts = []int{1, 10, 100, 1000}

func (m Machine) expandAny(config *Config, e Experiment) ([]PlannedCell, error) {
	kind := runtimes.Kind(e.Kind)
	if e.Kind == "size" {
		kind = ""
	}
	switch {
	case kind != "" && config.Preset != "" && config.Kind == e.Kind:
		return nil, e.fault("experiment", fmt.Errorf("experiment %s has no preset %s: leave that out", e.Kind, config.Preset))
	case config.Preset != "" && len(e.Transports) > 0:
		// A preset may have experiments of several kinds: --transports names those of one.
		e.Transports = slices.DeleteFunc(slices.Clone(e.Transports), func(name string) bool { return kindOf(name) != kind })
		if len(e.Transports) == 0 {
			return nil, nil
		}
	}
	if kind == "" {
		if e.Runtime != nil || e.Full {
			name := "runtime"
			if e.Full {
				name = "full"
			}
			return nil, e.fault(name, errors.New(name+" is for programs: give experiment compute or coldstart as well"))
		}
		return m.expand(e)
	}
	if err := (Config{Axes: e.Axes}).check(); err != nil {
		return nil, err
	}
	return m.expandPrograms(context.Background(), e)
}

func kindOf(transport string) runtimes.Kind {
	family, _, _ := strings.Cut(transport, "/")
	if kind := runtimes.Kind(family); kind == runtimes.Compute || kind == runtimes.ColdStart {
		return kind
	}
	return ""
}

// expandPrograms plans each program on each runtime. Each run is a start of its own.
func (m Machine) expandPrograms(ctx context.Context, e Experiment) ([]PlannedCell, error) {
	kind := runtimes.Kind(e.Kind)
	programs, err := m.Programs(ctx, kind, e.Full)
	if err != nil {
		return nil, err
	}
	if programs, err = e.choosePrograms(kind, programs); err != nil {
		return nil, err
	}
	chosen, err := e.chooseRuntimes(m)
	if err != nil {
		return nil, err
	}
	name := e.Name
	if name == "" || name == "sweep" {
		if name = e.Kind; e.Full {
			name += "-full"
		}
	}
	reps, _ := e.repetitions()
	var cells []PlannedCell
	checked := make(checks)
	for _, p := range programs {
		for _, r := range chosen {
			cell := PlannedCell{Point: results.Point{
				Cell:       results.Cell{Experiment: name, Transport: string(kind) + "/" + p.Name, Engine: r.Name(), Codec: string(transport.None), Placement: transport.PlacementIntra, SizeBytes: p.Output.Length, Fanout: 1, Concurrency: 1},
				Conditions: results.Conditions{Fanin: 1, Launcher: r.Launcher()},
			}, Reps: reps, Starts: reps, Payload: payloads.Kind(p.Line()), Kind: kind, Full: e.Full}
			if c, ok := r.(runtimes.Command); ok && slices.Contains(e.Runtime, c.String()) {
				cell.Command = c.String()
			}
			if fault := checked.of(ctx, r, p); fault != nil {
				cell.Skip = foreign.Error(fault)
			}
			cell.Phases = strings.Join(r.Phases(kind), ",")
			cells = append(cells, cell)
			if kind != runtimes.ColdStart || p.Name != idleProgram {
				continue
			}
			for _, count := range idleCounts {
				if count <= r.MostIdle() {
					idle := cell
					idle.Concurrency, idle.Phases = count, runtimes.Idle
					cells = append(cells, idle)
				}
			}
		}
	}
	return cells, nil
}

// checks are the results of asking commands whether they can run programs. A command tries it out, so it is asked once.
type checks map[string]error

func (c checks) of(ctx context.Context, r runtimes.Runtime, p runtimes.Program) error {
	if _, command := r.(runtimes.Command); !command {
		return r.Check(ctx, p)
	}
	if _, known := c[r.Name()]; !known {
		c[r.Name()] = r.Check(ctx, p)
	}
	return c[r.Name()]
}

// programsOnce makes the programs of each kind at first use: that runs the compiler and draws pictures.
func programsOnce() func(context.Context, runtimes.Kind, bool) ([]runtimes.Program, error) {
	made := make(map[[2]any][]runtimes.Program)
	return func(ctx context.Context, kind runtimes.Kind, full bool) (programs []runtimes.Program, err error) {
		key := [2]any{kind, full}
		if made[key] == nil {
			made[key], err = runtimes.Programs(ctx, kind, full)
		}
		return made[key], err
	}
}

const idleProgram = "hello"

func (a Axes) choosePrograms(kind runtimes.Kind, all []runtimes.Program) (chosen []runtimes.Program, err error) {
	if a.Transports == nil {
		return all, nil
	}
	var known []string
	for _, p := range all {
		known = append(known, string(kind)+"/"+p.Name)
	}
	for _, name := range a.Transports {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, a.fault("transports", fmt.Errorf("experiment %s has no %q: choose from %s", kind, name, strings.Join(known, ", ")))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (a Axes) chooseRuntimes(m Machine) (chosen []runtimes.Runtime, err error) {
	var added []runtimes.Command
	for _, text := range a.Runtime {
		c, err := runtimes.ParseCommand(text)
		if err != nil {
			return nil, usage("%v (--runtime)", err)
		}
		added = append(added, c)
	}
	all := slices.DeleteFunc(m.Runtimes(added, a.ContainerdRuntime), func(r runtimes.Runtime) bool {
		if a.Launcher == nil {
			return r.Launcher() == transport.LauncherContainerd && a.ContainerdRuntime == nil
		}
		return !slices.Contains(a.Launcher, r.Launcher())
	})
	if a.Engines == nil {
		return all, nil
	}
	var known []string
	for _, r := range all {
		if !slices.Contains(known, r.Name()) {
			known = append(known, r.Name())
		}
		if slices.Contains(a.Engines, r.Name()) {
			chosen = append(chosen, r)
		}
	}
	for _, name := range a.Engines {
		if !slices.Contains(known, name) {
			return nil, a.fault("engines", fmt.Errorf("unknown runtime %q: choose from %s", name, strings.Join(known, ", ")))
		}
	}
	return chosen, nil
}

func (m Machine) runtimeOf(cell *PlannedCell) (runtimes.Runtime, error) {
	if cell.Command != "" {
		return runtimes.ParseCommand(cell.Command)
	}
	var handlers []string
	if cell.Launcher == transport.LauncherContainerd {
		handlers = []string{cell.Engine}
	}
	for _, r := range m.Runtimes(nil, handlers) {
		if r.Name() == cell.Engine && r.Launcher() == cell.Launcher {
			return r, nil
		}
	}
	return nil, fmt.Errorf("this program has no runtime %s by %s", cell.Engine, cell.Launcher)
}

// programOf returns the runtime and the program of a cell.
func (m Machine) programOf(ctx context.Context, cell *PlannedCell) (runtimes.Runtime, runtimes.Program, error) {
	r, err := m.runtimeOf(cell)
	if err != nil {
		return nil, runtimes.Program{}, err
	}
	programs, err := m.Programs(ctx, cell.Kind, cell.Full)
	if err != nil {
		return nil, runtimes.Program{}, err
	}
	i := slices.IndexFunc(programs, func(p runtimes.Program) bool { return p.Line() == string(cell.Payload) })
	if i < 0 {
		return nil, runtimes.Program{}, fmt.Errorf("this program has no %q", cell.Payload)
	}
	return r, programs[i], nil
}

func (c *PlannedCell) checkProgram() error {
	switch {
	case c.Kind != runtimes.Compute && c.Kind != runtimes.ColdStart:
		return fmt.Errorf("this program has no experiment %q", c.Kind)
	case c.Phases == "" || len(c.phases()) > 20:
		return errors.New("its phases are missing")
	case c.Fanout != 1:
		return fmt.Errorf("a program's run with fan-out %d", c.Fanout)
	}
	return concurrencies.check("concurrency", min(c.Concurrency, maxConcurrency))
}

const fullLonger = 20

func (c *PlannedCell) programSeconds() float64 {
	switch {
	case c.Full:
		return 15
	case c.Concurrency > 1:
		return 0.3 + 0.003*float64(c.Concurrency)
	}
	return 0.3
}

func (r *Runner) measureProgram(ctx context.Context, visit Visit, begun int) error {
	cell := r.Plan.Cells[visit.Cell]
	runtime, program, err := r.Machine.programOf(ctx, &cell)
	if err != nil {
		return err
	}
	for step := begun; step < cell.steps(visit); step++ {
		asked := runtimes.Request{Program: program, Kind: cell.Kind, Deadline: r.Plan.Deadline, Store: &r.images}
		if cell.Full {
			asked.Deadline *= fullLonger
		}
		if cell.Phases == runtimes.Idle {
			asked.Idle = cell.Concurrency
		}
		began := time.Now()
		ran, err := runtime.Run(ctx, asked)
		r.Measured += time.Since(began)
		if err != nil {
			return err
		}
		var rows []results.Trial
		for _, phase := range ran.Phases {
			row := outcome(cell, results.OK, "")
			row.Phase, row.T0, row.Latency = phase.Name, phase.T0, phase.Ns
			row.PayloadBytes, row.Digest = ran.Output.Length, results.Digest(ran.Output.Digest)
			row.CPUUser, row.CPUKernel = phase.Usage.UserNs, phase.Usage.KernelNs
			row.MinorFaults, row.ContextSwitches = float64(phase.Usage.MinorFaults), float64(phase.Usage.ContextSwitches)
			if length, of := ran.Disk[phase.Name]; of {
				row.PayloadBytes = length
			}
			switch phase.Name {
			case runtimes.Run, runtimes.Total, runtimes.Idle:
				row.RSSPeak, row.PSSPeak = ran.Memory.RSSPeak, ran.Memory.PSSPeak
			}
			cell.place(&row, visit, step)
			rows = append(rows, row)
		}
		if err := r.appendVisit(visit, rows); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) programInfos() (infos results.Transports) {
	for _, cell := range p.Cells {
		if cell.Kind != "" && !slices.ContainsFunc(infos, func(i results.TransportInfo) bool { return i.Name == cell.Transport }) {
			infos = append(infos, results.TransportInfo{Name: cell.Transport, Summary: "runs " + string(cell.Payload), Family: string(cell.Kind), Place: len(infos)})
		}
	}
	return infos
}

func (p *Plan) askRuntimes(ctx context.Context, machine Machine) map[string]string {
	versions := make(map[string]string)
	for i := range p.Cells {
		cell := &p.Cells[i]
		if cell.Kind == "" || cell.Skip != "" || versions[cell.Engine] != "" {
			continue
		}
		if r, err := machine.runtimeOf(cell); err == nil {
			if version := r.Version(ctx); version != "" {
				versions[cell.Engine] = version
			}
		}
	}
	return versions
}
