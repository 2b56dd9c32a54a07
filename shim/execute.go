package shim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"rrbench/control"
	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/engines/wasip1"
	"rrbench/measure"
	"rrbench/transport"
	"rrbench/workloads"
)

// Execution is a whole module that a shim is to run by itself.
type Execution struct {
	// Engine and Guest are names; the guest was added, or is built in.
	Engine, Guest string
	// Arguments are the program's, its name first; Input is what it reads.
	Arguments []string
	Input     []byte
	// Idle is how many instances are made and not called; 0 is one that is called.
	Idle     int
	Deadline time.Duration
}

// Phase is a part of an execution.
type Phase struct {
	Name string
	// T0 is CLOCK_MONOTONIC when it began, Ns how long it took, both in nanoseconds.
	T0, Ns int64
	Usage  measure.Usage
}

// Phases of an execution in a shim.
const (
	PhaseOpen          = "open"
	PhaseCompile       = "compile"
	PhaseCompileCached = "compile-cached"
	PhaseInstantiate   = "instantiate"
	PhaseFirstByte     = "first-byte"
	PhaseRun           = "run"
	PhaseIdle          = "idle"
)

// Executed is what came of an execution.
type Executed struct {
	Phases []Phase
	Output Output
	Memory measure.Memory
}

// Output is what a program has written, by its length and its digest (xxHash, 64 bits). A zero Output is ready for use.
type Output struct {
	Length int64
	Digest uint64
	// First is CLOCK_MONOTONIC in nanoseconds of its first byte, 0 without any.
	First  int64
	digest *xxhash.Digest
}

func (o *Output) Write(p []byte) (int, error) {
	if o.digest == nil {
		o.digest = xxhash.New()
	}
	if o.First == 0 && len(p) > 0 {
		o.First = measure.Now()
	}
	o.Length += int64(len(p))
	return o.digest.Write(p)
}

// End computes the digest.
func (o *Output) End() {
	if o.digest == nil {
		o.digest = xxhash.New()
	}
	o.Digest = o.digest.Sum64()
}

// Same says that two programs have written the same, byte for byte.
func (o Output) Same(other Output) bool { return o.Length == other.Length && o.Digest == other.Digest }

// Execute has the shim run a whole module. When the deadline has passed, the shim is killed.
func (p *Process) Execute(ctx context.Context, e Execution) (Executed, error) {
	// Code is compiled up to three times before the program's own time begins.
	ctx, cancel := context.WithTimeout(ctx, setupTimeout+timeout(e.Deadline))
	defer cancel()
	request := &control.ExecuteRequest{Engine: e.Engine, Guest: []byte(e.Guest), Input: e.Input, DeadlineNs: int64(e.Deadline), Idle: int64(e.Idle)}
	for _, argument := range e.Arguments {
		request.Arguments = append(request.Arguments, []byte(argument))
	}
	reply, err := p.control.Execute(ctx, request)
	if err != nil {
		return Executed{}, p.explain(ctx, "execute "+e.Guest, err)
	}
	done := Executed{
		Output: Output{Length: reply.GetOutputLength(), Digest: reply.GetOutputDigest()},
		Memory: measure.Memory{RSSPeak: reply.GetRssPeak(), PSSPeak: reply.GetPssPeak()},
	}
	for _, phase := range reply.GetPhases() {
		done.Phases = append(done.Phases, Phase{phase.GetName(), phase.GetT0Ns(), phase.GetNs(), usageFromControl(phase.GetUsage())})
	}
	return done, nil
}

// Execute runs a module on a goroutine of its own: a guest that never returns keeps it, and the process, for good.
func (s *server) Execute(ctx context.Context, request *control.ExecuteRequest) (*control.ExecuteReply, error) {
	if err := s.begin(ctx); err != nil {
		return nil, toStatus(err)
	}
	e := Execution{Engine: request.GetEngine(), Guest: string(request.GetGuest()), Input: request.GetInput(), Idle: int(request.GetIdle()), Deadline: time.Duration(request.GetDeadlineNs())}
	for _, argument := range request.GetArguments() {
		e.Arguments = append(e.Arguments, string(argument))
	}
	var done Executed
	running, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		err := e.run(ctx, running, &done)
		s.end()
		ended <- err
	}()
	var overdue <-chan time.Time
	for {
		select {
		case <-running:
			running, overdue = nil, time.After(timeout(e.Deadline))
		case err := <-ended:
			if err != nil {
				return nil, toStatus(err)
			}
			return done.toControl(), nil
		case <-overdue:
			return nil, toStatus(fmt.Errorf("%w within %v: the program still runs (--deadline)", transport.ErrNoAnswer, e.Deadline))
		case <-ctx.Done():
			return nil, toStatus(ctx.Err())
		}
	}
}

func (d *Executed) toControl() *control.ExecuteReply {
	reply := &control.ExecuteReply{OutputLength: d.Output.Length, OutputDigest: d.Output.Digest, RssPeak: d.Memory.RSSPeak, PssPeak: d.Memory.PSSPeak}
	for _, phase := range d.Phases {
		reply.Phases = append(reply.Phases, &control.Phase{Name: phase.Name, T0Ns: phase.T0, Ns: phase.Ns, Usage: usageToControl(phase.Usage)})
	}
	return reply
}

// phase runs a step and notes what it took, where it went well.
func (d *Executed) phase(name string, step func() error) error {
	measure.TakeUsage()
	began := measure.Now()
	err := step()
	took := measure.Now() - began
	if err == nil {
		d.Phases = append(d.Phases, Phase{name, began, took, measure.TakeUsage()})
	}
	return err
}

// run carries an execution out; running is closed when the program is about to run.
func (e Execution) run(ctx context.Context, running chan<- struct{}, done *Executed) (err error) {
	wasm, err := workloads.Guest(e.Guest)
	if err != nil {
		return err
	}
	var engine engines.Engine
	var module engines.Module
	defer func() {
		if module != nil {
			err = errors.Join(err, module.Close())
		}
		if engine != nil {
			err = errors.Join(err, engine.Close())
		}
	}()
	// Some engines are one a process: what was opened before is closed.
	open := func() (err error) {
		if engine != nil {
			previous := errors.Join(module.Close(), engine.Close())
			if module, engine = nil, nil; previous != nil {
				return previous
			}
		}
		engine, err = catalogue.New(e.Engine, catalogue.Options{})
		return err
	}
	compile := func() (err error) {
		module, err = engine.Compile(ctx, wasm)
		return err
	}
	// An engine that keeps nothing compiles as where the module was never seen.
	catalogue.CacheFrom(math.MaxInt)
	if err := done.phase(PhaseOpen, open); err != nil {
		return err
	}
	if err := done.phase(PhaseCompile, compile); err != nil {
		return err
	}
	// The first engine that keeps code may have to make it; the second finds it.
	catalogue.CacheFrom(0)
	for _, step := range []func() error{open, compile, open} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := done.phase(PhaseCompileCached, compile); err != nil {
		return err
	}
	// A collection that began while the guest runs would wait for it, and everything else with it.
	debug.FreeOSMemory()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if err := measure.ResetPeaks(); err != nil {
		return err
	}
	close(running)
	if e.Idle > 0 {
		return e.idle(ctx, module, done)
	}
	system, instance, err := e.instantiate(ctx, module, done)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close(), system.Close()) }()
	start, ok := instance.Function("_start")
	if !ok {
		return errors.New("the module does not export _start: it is no program but a library")
	}
	err = done.phase(PhaseRun, func() error {
		var exit *engines.Exit
		if err := start.Call(nil); err != nil && !(errors.As(err, &exit) && exit.Status == 0) {
			return system.Explain(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	done.Output.End()
	if done.Output.First > 0 {
		began := done.Phases[len(done.Phases)-1].T0
		done.Phases = append(done.Phases, Phase{Name: PhaseFirstByte, T0: began, Ns: done.Output.First - began})
	}
	done.Memory, err = measure.SelfMemory()
	return err
}

// instantiate makes an instance with a system of its own.
func (e Execution) instantiate(ctx context.Context, module engines.Module, done *Executed) (system *wasip1.System, instance engines.Instance, err error) {
	err = done.phase(PhaseInstantiate, func() error {
		system, instance, err = e.instance(ctx, module, &done.Output)
		return err
	})
	return system, instance, err
}

func (e Execution) instance(ctx context.Context, module engines.Module, output *Output) (*wasip1.System, engines.Instance, error) {
	system, err := wasip1.New(wasip1.Config{Arguments: e.Arguments, Input: bytes.NewReader(e.Input), Output: output})
	if err != nil {
		return nil, nil, err
	}
	instance, err := module.Instantiate(ctx, engines.InstanceConfig{Name: e.Guest, Imports: system.Functions()})
	if err != nil {
		return nil, nil, errors.Join(err, system.Close())
	}
	return system, instance, nil
}

// idle makes instances and keeps them until the memory that all take is known.
func (e Execution) idle(ctx context.Context, module engines.Module, done *Executed) (err error) {
	var open []interface{ Close() error }
	defer func() {
		for _, one := range slices.Backward(open) {
			err = errors.Join(err, one.Close())
		}
	}()
	err = done.phase(PhaseIdle, func() error {
		for range e.Idle {
			system, instance, err := e.instance(ctx, module, &done.Output)
			if err != nil {
				return fmt.Errorf("instance %d: %w", len(open)/2, err)
			}
			open = append(open, system, instance)
		}
		return nil
	})
	if err != nil {
		return err
	}
	done.Output.End()
	done.Memory, err = measure.SelfMemory()
	return err
}
