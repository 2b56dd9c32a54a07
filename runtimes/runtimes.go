// Package runtimes runs whole programs by what runs them, WebAssembly modules in an engine or by a command line, native
// programs as processes or in containers, and measures how long each of their phases takes.
package runtimes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"rrbench/measure"
	"rrbench/shim"
	"rrbench/transport"
)

// Phases of a program's run. Those of an execution in a shim are shim's.
const (
	// Pull copies the image from where it is kept, and checks its digest; Unpack makes files of it.
	Pull   = "pull"
	Unpack = "unpack"
	// Create is until there is a process, a container that is ready to be started, or a shim with its engine.
	Create = "create"
	// Start is what starting a container takes that has been created; it is a part of Run.
	Start        = "start"
	Compile      = shim.PhaseCompile
	CachedCode   = shim.PhaseCompileCached
	Instantiate  = shim.PhaseInstantiate
	FirstByte    = shim.PhaseFirstByte
	Run          = shim.PhaseRun
	Total        = "total"
	Idle         = shim.PhaseIdle
	nativeEngine = transport.NativeEngine
)

// Kind is an experiment on whole programs.
type Kind string

// The kinds. In Compute the host of modules is there already and code is kept; in ColdStart nothing is.
const (
	Compute   Kind = "compute"
	ColdStart Kind = "coldstart"
)

// Program is what is to be run.
type Program struct {
	// Name is without its kind: "nbody".
	Name      string
	Arguments []string
	Input     []byte
	// Output is what it has to write; the zero value allows any output.
	Output Output
	// Module is for WebAssembly, Native the path of a native program.
	Module []byte
	Native string
	// Fault is why there is no native program.
	Fault error
}

func (p *Program) native() error {
	if p.Native == "" {
		return cmp.Or[error](p.Fault, errNoCompiler)
	}
	return nil
}

// Output is a program's, by length and digest.
type Output struct {
	Length int64
	Digest uint64
}

// Request is one run of a program.
type Request struct {
	Program
	Kind Kind
	// Idle is the number of instances that are made and wait; 0 runs one instance instead.
	Idle     int
	Deadline time.Duration
	// Store keeps what the runs of a sweep share.
	Store *Store
}

// Outcome is the result of a run.
type Outcome struct {
	// Phases are in the order of Runtime.Phases.
	Phases []shim.Phase
	Output Output
	// Disk has sizes in bytes by phase: of the image (Pull), of the program (Unpack) and of what runs it (Create).
	Disk map[string]int64
	// Memory is the peak of all processes that took part, 0 where it is not known.
	Memory measure.Memory
}

// Runtime runs a whole program and measures its phases.
type Runtime interface {
	// Name is that of the engine, of the command, or "native".
	Name() string
	// Launcher is where it runs, for the column of that name: a process, or a kind of container.
	Launcher() string
	// Phases are those that a run has of a kind; of idle instances it is Idle alone.
	Phases(Kind) []string
	// MostIdle is how many idle instances are worth trying.
	MostIdle() int
	// Check returns why it cannot run here, with the remedy.
	Check(context.Context, Program) error
	// Version asks it, empty where that is in the manifest anyway.
	Version(context.Context) string
	// Programs are the paths of what it starts.
	Programs() []string
	// Run runs a program once. The error names the step that failed; output that differs from Program.Output is an error.
	Run(context.Context, Request) (Outcome, error)
}

// Unavailable is why a runtime cannot run here.
type Unavailable struct{ Runtime, Reason, Remedy string }

func (u *Unavailable) Error() string {
	return fmt.Sprintf("%s cannot run here: %s (%s)", u.Runtime, u.Reason, u.Remedy)
}

// finish completes an outcome: it compares what the program has written with what it had to write, and keeps the phases
// that are wanted. The phase FirstByte begins at a moment of CLOCK_MONOTONIC.
func (p *Program) finish(o Outcome, written *shim.Output, from int64, phases []shim.Phase, wanted []string) (_ Outcome, err error) {
	have, want := Output{written.Length, written.Digest}, p.Output
	if want != (Output{}) && have != want {
		return Outcome{}, fmt.Errorf("%s has written something else than expected: %d bytes with digest %016x, not %d with %016x",
			p.Name, have.Length, have.Digest, want.Length, want.Digest)
	}
	if written.First != 0 {
		phases = append(phases, within(FirstByte, from, max(written.First, from), measure.Usage{}))
	}
	o.Output = have
	o.Phases, err = pick(phases, wanted)
	return o, err
}

// arguments are the program's, its name first.
func (p *Program) arguments() []string { return append([]string{p.Name}, p.Arguments...) }

// within is the phase that took an interval.
func within(name string, from, to int64, usage measure.Usage) shim.Phase {
	return shim.Phase{Name: name, T0: from, Ns: to - from, Usage: usage}
}

// whole is the sum of phases that follow one another.
func whole(phases []shim.Phase, names ...string) shim.Phase {
	parts, _ := pick(phases, names) // what is missing is missing among the wanted ones, too
	total := shim.Phase{Name: Total}
	for _, part := range slices.Backward(parts) {
		total = shim.Phase{Name: Total, T0: part.T0, Ns: total.Ns + part.Ns, Usage: total.Usage.Add(part.Usage)}
	}
	return total
}

// pick keeps the phases of those names, in their order. One that is missing is an error of ours.
func pick(phases []shim.Phase, names []string) ([]shim.Phase, error) {
	var picked []shim.Phase
	for _, name := range names {
		i := slices.IndexFunc(phases, func(phase shim.Phase) bool { return phase.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the phase %s was not measured", name)
		}
		picked = append(picked, phases[i])
	}
	return picked, nil
}
