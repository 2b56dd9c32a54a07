package shim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

// Executed is the result of an execution.
type Executed struct {
	Phases []Phase
	Output Output
	Memory measure.Memory
}

// Output describes what a program has written by its length and digest (xxHash, 64 bits). A zero Output is ready for use.
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

// Same reports whether two programs have written the same, byte for byte.
func (o Output) Same(other Output) bool { return o.Length == other.Length && o.Digest == other.Digest }

// Execute runs a whole module in the shim. When the deadline has passed, the shim is killed.
func (p *Process) Execute(ctx context.Context, e Execution) (Executed, error) {
	request := carry[control.ExecuteRequest](&e)
	for _, argument := range e.Arguments {
		request.Arguments = append(request.Arguments, []byte(argument))
	}
	// Code is compiled up to three times before the program's deadline begins.
	reply, err := call(ctx, p, setupTimeout+timeout(e.Deadline), "execute "+e.Guest, p.control.Execute, request)
	if err != nil {
		return Executed{}, err
	}
	done := Executed{Output: Output{Length: reply.GetOutputLength(), Digest: reply.GetOutputDigest()}, Memory: *carry[measure.Memory](reply)}
	for _, phase := range reply.GetPhases() {
		done.Phases = append(done.Phases, *carry[Phase](phase))
	}
	return done, nil
}

// Execute runs a module on a goroutine of its own, which a guest that never returns blocks for ever.
func (s *server) Execute(ctx context.Context, request *control.ExecuteRequest) (*control.ExecuteReply, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	e := *carry[Execution](request)
	for _, argument := range request.GetArguments() {
		e.Arguments = append(e.Arguments, string(argument))
	}
	var done Executed
	overdue, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		err := e.run(ctx, &done, func() { time.AfterFunc(timeout(e.Deadline), func() { close(overdue) }) })
		s.end()
		ended <- err
	}()
	select {
	case err := <-ended:
		reply := &control.ExecuteReply{OutputLength: done.Output.Length, OutputDigest: done.Output.Digest, RssPeak: done.Memory.RSSPeak, PssPeak: done.Memory.PSSPeak}
		for _, phase := range done.Phases {
			reply.Phases = append(reply.Phases, carry[control.Phase](&phase))
		}
		return reply, err
	case <-overdue:
		return nil, fmt.Errorf("%w within %v: the program still runs (--deadline)", transport.ErrNoAnswer, e.Deadline)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// phase runs a step and records its time and usage if it succeeds.
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

// run carries an execution out, and calls running when the program is about to run.
func (e Execution) run(ctx context.Context, done *Executed, running func()) (err error) {
	wasm, err := workloads.Guest(e.Guest)
	if err != nil {
		return err
	}
	var made []io.Closer
	closeAll := func() error {
		var errs []error
		for _, one := range slices.Backward(made) {
			errs = append(errs, one.Close())
		}
		made = nil
		return errors.Join(errs...)
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	var engine engines.Engine
	var module engines.Module
	// Some engines can be open once in a process: what was opened before is closed.
	open := func() (err error) {
		if err = closeAll(); err != nil {
			return err
		}
		if engine, err = catalogue.New(e.Engine, catalogue.Options{}); err == nil {
			made = append(made, engine)
		}
		return err
	}
	compile := func() (err error) {
		if module, err = engine.Compile(ctx, wasm); err == nil {
			made = append(made, module)
		}
		return err
	}
	// An engine without a cache compiles as if it had never seen the module.
	catalogue.CacheFrom(math.MaxInt)
	if err := done.phase(PhaseOpen, open); err != nil {
		return err
	}
	if err := done.phase(PhaseCompile, compile); err != nil {
		return err
	}
	// The first engine with a cache may have to fill it; the second finds the code there.
	catalogue.CacheFrom(0)
	for _, step := range []func() error{open, compile, open} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := done.phase(PhaseCompileCached, compile); err != nil {
		return err
	}
	// A collection that began while the guest runs would wait for it, and stop everything else.
	debug.FreeOSMemory()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if err := measure.ResetPeaks(); err != nil {
		return err
	}
	running()
	var system *wasip1.System
	var instance engines.Instance
	instantiate := func() (err error) {
		if system, err = wasip1.New(wasip1.Config{Arguments: e.Arguments, Input: bytes.NewReader(e.Input), Output: &done.Output}); err != nil {
			return err
		}
		made = append(made, system)
		if instance, err = module.Instantiate(ctx, engines.InstanceConfig{Name: e.Guest, Imports: system.Functions()}); err == nil {
			made = append(made, instance)
		}
		return err
	}
	if e.Idle == 0 {
		if err = done.phase(PhaseInstantiate, instantiate); err == nil {
			err = done.call(system, instance)
		}
	} else {
		err = done.phase(PhaseIdle, func() error {
			for n := range e.Idle {
				if err := instantiate(); err != nil {
					return fmt.Errorf("instance %d: %w", n, err)
				}
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	done.Output.End()
	done.Memory, err = measure.SelfMemory()
	return err
}

func (d *Executed) call(system *wasip1.System, instance engines.Instance) error {
	start, ok := instance.Function("_start")
	if !ok {
		return errors.New("the module does not export _start: it is no program but a library")
	}
	err := d.phase(PhaseRun, func() error {
		var exit *engines.Exit
		if err := start.Call(nil); err != nil && !(errors.As(err, &exit) && exit.Status == 0) {
			return system.Explain(err)
		}
		return nil
	})
	if err == nil && d.Output.First > 0 {
		began := d.Phases[len(d.Phases)-1].T0
		d.Phases = append(d.Phases, Phase{Name: PhaseFirstByte, T0: began, Ns: d.Output.First - began})
	}
	return err
}
