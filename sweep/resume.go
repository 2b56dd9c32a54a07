package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"rrbench/inputs"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/tune/crossovers"
)

// resume prepares to continue an interrupted run. It writes nothing before it has checked that the run can continue.
func resume(ctx context.Context, request Request, machine *Machine) (_ *run, err error) {
	path := request.Flags.Resume
	defer func() {
		if mistake, ok := errors.AsType[*UsageError](err); ok {
			err = usage("resume %s: %v", path, mistake)
		}
	}()
	directory, err := results.Open(path)
	if err != nil {
		return nil, err
	}
	manifest, err := directory.Manifest()
	if err != nil {
		return nil, usage("%v", err)
	}
	plan := new(Plan)
	if err := json.Unmarshal(manifest.Plan, plan); err != nil {
		return nil, usage("the manifest holds no plan: %v", err)
	}
	if err := plan.check(byName(machine.Transports)); err != nil {
		return nil, usage("the plan in the manifest: %v", err)
	}
	program, err := ThisProgram()
	if err != nil {
		return nil, err
	}
	segment := results.Segment{
		Start: time.Now().UTC(), Command: results.Texts(request.Command), Program: program, Environment: measure.ReadEnvironment(),
	}
	if err := checkSegment(manifest.Segments(), segment, request.Flags.ForceResume); err != nil {
		return nil, err
	}
	journaled, err := directory.Journaled()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(request.peerLines()) > 0 && slices.ContainsFunc(plan.Cells, func(c PlannedCell) bool { return c.awaitsPeer() }) {
		if err := request.joinPeers(ctx, machine); err != nil {
			return nil, err
		}
		plan.takeUp(*machine)
		if manifest.Plan, err = json.Marshal(plan); err != nil {
			return nil, err
		}
	}
	left, err := plan.left(journaled)
	if err != nil {
		return nil, usage("%v", err)
	}
	if slices.ContainsFunc(left, func(c PlannedCell) bool { return c.Placement == inter }) {
		if err := request.joinPeers(ctx, machine); err != nil {
			return nil, err
		}
		manifest.Peers = machine.facts()
	}
	if err := checkPrograms(manifest.Inputs, programs(left, *machine)); err != nil {
		return nil, err
	}
	guests := slices.DeleteFunc(slices.Clone(manifest.Inputs), func(i results.Input) bool { return i.Kind != results.GuestInput })
	if err := readAgain(ctx, guests, request.Flags.Guest, left); err != nil {
		return nil, err
	}
	if err := machine.check(ctx, left); err != nil {
		return nil, err
	}

	journal, recovered, err := directory.ResumeJournal()
	if err != nil {
		return nil, err
	}
	if lines := recovered.Damage.Lines(); len(lines) > 0 {
		plan.Warnings = append(append(plan.Warnings, lines...), "rounds of which trials.csv has lost a line are measured again; delete the lines that are still there")
	}
	manifest.Transports = plan.transports(*machine)
	manifest.Resumed = append(manifest.Resumed, segment)
	manifest.Mixed = mixture(manifest.Segments())
	if err := directory.WriteManifest(manifest); err != nil {
		return nil, errors.Join(err, journal.Close(), directory.Close())
	}
	return &run{directory: directory, manifest: manifest, journal: journal, plan: plan, done: recovered}, nil
}

func (p *Plan) left(done results.Journaled) ([]PlannedCell, error) {
	past, err := loadProgress(p, done)
	if err != nil {
		return nil, err
	}
	visited := make(map[int]bool)
	for _, visit := range past.left(p) {
		visited[visit.Cell] = true
	}
	var cells []PlannedCell
	for i, cell := range p.Cells {
		if visited[i] || p.narrowing() && cell.Skip == "" {
			cells = append(cells, cell)
		}
	}
	return cells, nil
}

func (m Machine) check(ctx context.Context, cells []PlannedCell) error {
	checked := make(checks)
	for _, cell := range cells {
		var err error
		if cell.Kind != "" {
			var runtime runtimes.Runtime
			var program runtimes.Program
			if runtime, program, err = m.programOf(ctx, &cell); err == nil {
				err = checked.of(ctx, runtime, program)
			}
		} else if reason := m.reasonToSkip(cell); reason != "" {
			err = errors.New(reason)
		} else if cell.Guest != "" {
			err = m.GuestCheck(cell.Guest)
		}
		if err != nil {
			return usage("a cell of %s that is left: %v", cell.Transport, err)
		}
	}
	return nil
}

// ThisProgram is the running program, even where its file has been replaced.
func ThisProgram() (results.Program, error) {
	digest, err := inputs.DigestFile("/proc/self/exe")
	if err != nil {
		return results.Program{}, fmt.Errorf("read this program: %w", err)
	}
	e := measure.ReadEnvironment()
	version := cmp.Or(e.Commit, results.UnknownVersion)
	if e.Commit != "" && e.Modified {
		version += results.Modified
	}
	return results.Program{Version: version, Digest: string(digest)}, nil
}

// checkSegment refuses a program or machine that has not measured any part of the run.
func checkSegment(before []results.Segment, now results.Segment, force bool) error {
	if force || slices.ContainsFunc(before, func(s results.Segment) bool { return difference(s, now) == "" }) {
		return nil
	}
	return usage("%s: go on with that, begin a new run with --out, or mix them with --force-resume, which figures and tables then say", difference(before[0], now))
}

func difference(then, now results.Segment) string {
	property, theirs, ours := crossovers.MachineOf(now.Environment).Differs(crossovers.MachineOf(then.Environment))
	switch quota, allowed := then.Environment.CPUQuota, now.Environment.CPUQuota; {
	case then.Program.Digest != now.Program.Digest:
		property, theirs, ours = "program", then.Program.String(), now.Program.String()
	case property == "" && quota != allowed:
		property, theirs, ours = "quota of CPUs", fmt.Sprint(quota), fmt.Sprint(allowed)
	case property == "":
		return ""
	}
	return fmt.Sprintf("%s %s then, %s now", property, theirs, ours)
}

func mixture(segments []results.Segment) string {
	var differences []string
	for _, segment := range segments[1:] {
		if d := difference(segments[0], segment); d != "" && !slices.Contains(differences, d) {
			differences = append(differences, d)
		}
	}
	if differences == nil {
		return ""
	}
	return "machines or programs were mixed when this run was resumed: " + strings.Join(differences, "; ")
}
