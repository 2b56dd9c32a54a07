package runtimes

import (
	"context"
	"errors"
	"os"

	"rrbench/measure"
	"rrbench/shim"
	"rrbench/transport"
)

// Engine is a WebAssembly engine in a shim.
type Engine struct {
	// Engine is its name, Available returns why it cannot run.
	Engine    string
	Available func(name string) error
	// Shims starts shims.
	Shims shim.Launcher
}

func (e Engine) Name() string     { return e.Engine }
func (e Engine) Launcher() string { return transport.LauncherProcess }

// MostIdle knows that V8 has room for about a hundred memories in a process: it reserves 10 GiB of a tebibyte for each.
func (e Engine) MostIdle() int {
	if e.Engine == "v8" {
		return 100
	}
	return 1000
}

func (e Engine) Phases(kind Kind) []string {
	if kind == Compute {
		return []string{Compile, CachedCode, Instantiate, Run, Total}
	}
	return []string{Pull, Unpack, Create, Compile, CachedCode, Instantiate, FirstByte, Run, Total}
}

func (e Engine) Check(context.Context, Program) error {
	return errors.Join(e.Available(e.Engine), e.Shims.Check(""))
}

func (e Engine) Version(context.Context) string { return "" }
func (e Engine) Programs() []string             { return e.Shims.Programs() }

func (e Engine) Run(ctx context.Context, r Request) (outcome Outcome, err error) {
	var phases []shim.Phase
	var files unpacked
	module := r.Module
	if r.Kind == ColdStart && r.Idle == 0 {
		if files, phases, err = r.Store.fetch(r.Name+".wasm", r.Module); err != nil {
			return Outcome{}, err
		}
		defer files.remove()
		if module, err = os.ReadFile(files.path); err != nil {
			return Outcome{}, err
		}
	}
	began := measure.Now()
	pod, err := e.Shims.Prepare("")
	if err != nil {
		return Outcome{}, err
	}
	defer func() { err = errors.Join(err, pod.Close()) }()
	process, err := shim.Start(ctx, pod, "of "+r.Name, transport.Wasm)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	created := measure.Now()
	guest := r.Name + ".wasm"
	if err := process.Add(ctx, guest, module); err != nil {
		return Outcome{}, err
	}
	done, err := process.Execute(ctx, shim.Execution{Engine: e.Engine, Guest: guest, Arguments: r.arguments(), Input: r.Input, Idle: r.Idle, Deadline: r.Deadline})
	if err != nil {
		return Outcome{}, err
	}
	outcome = Outcome{Memory: done.Memory, Disk: files.onDisk(append(e.Programs(), "/proc/self/exe"))}
	create := within(Create, began, created, measure.Usage{})
	if open, err := pick(done.Phases, []string{shim.PhaseOpen}); err == nil {
		create.Ns, create.Usage = create.Ns+open[0].Ns, open[0].Usage
	}
	phases = append(append(phases, create), done.Phases...)
	if r.Idle > 0 {
		outcome.Phases, err = pick(phases, []string{Idle})
		return outcome, err
	}
	parts := []string{CachedCode, Instantiate, Run}
	if r.Kind == ColdStart {
		parts = []string{Create, Compile, Instantiate, Run}
	}
	return r.finish(outcome, &done.Output, 0, append(phases, whole(phases, parts...)), e.Phases(r.Kind))
}
