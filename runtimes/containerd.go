package runtimes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"rrbench/measure"
	"rrbench/shim"
	"rrbench/shim/containerd"
	"rrbench/transport"
)

// Containerd runs programs in containers of containerd: modules by this project's runtime, in an engine, or by another
// runtime of containerd's; native programs by runc. Images are there already.
type Containerd struct {
	Server *containerd.Server
	// Engine is one of this project's, Available returns why it cannot run. Handler is another runtime. Without either
	// programs are native.
	Engine, Handler string
	Available       func(engine string) error
}

func (c Containerd) Name() string {
	return cmp.Or(c.Engine, c.Handler, nativeEngine)
}

func (Containerd) Launcher() string               { return transport.LauncherContainerd }
func (Containerd) MostIdle() int                  { return 100 }
func (Containerd) Version(context.Context) string { return "" }

func (c Containerd) Programs() []string {
	return containerd.Launcher{Server: c.Server, Native: c.Name() == nativeEngine}.Programs()
}

func (Containerd) Phases(kind Kind) []string {
	if kind == Compute {
		return inContainer
	}
	return []string{Create, Start, FirstByte, Run, Total}
}

func (c Containerd) Check(_ context.Context, p Program) error {
	if c.Engine != "" {
		if err := c.Available(c.Engine); err != nil {
			return err
		}
	}
	if c.Name() == nativeEngine {
		if err := p.native(); err != nil {
			return err
		}
	}
	return c.Server.CheckAlone(c.program(p))
}

func (c Containerd) program(p Program) containerd.Program {
	program := containerd.Program{Runtime: c.Handler, Engine: c.Engine, Module: p.Module, Name: p.Name, Arguments: p.Arguments}
	if c.Name() == nativeEngine {
		program.Native = p.Native
	}
	return program
}

func (c Containerd) Run(ctx context.Context, r Request) (outcome Outcome, err error) {
	if err := c.Server.Ready(c.program(r.Program)); err != nil {
		return Outcome{}, err
	}
	if r.Idle > 0 {
		program := c.program(r.Program)
		program.Arguments = []string{"idle"}
		return idleContainers(ctx, r, r.Idle, func(input, output *os.File) (*containerd.Container, error) {
			return c.Server.CreateAlone(ctx, program, input, output)
		}, func(alone *containerd.Container) { _ = alone.Wait() })
	}
	output, writer, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer output.Close()
	input, feeder, err := os.Pipe()
	if err != nil {
		return Outcome{}, errors.Join(err, writer.Close())
	}
	go func() {
		_, _ = feeder.Write(r.Input)
		_ = feeder.Close()
	}()
	began := measure.Now()
	alone, err := c.Server.CreateAlone(ctx, c.program(r.Program), input, writer)
	created := measure.Now()
	_, _ = writer.Close(), input.Close()
	if err != nil {
		return Outcome{}, err
	}
	removed := sync.OnceValue(alone.Remove)
	defer func() { err = errors.Join(err, removed()) }()
	ended := guard(ctx, r.Deadline, output, alone.Kill)
	read := collect(output)
	rss := sample(alone.PID())
	create := alone.Used()
	before := measure.Now()
	err = alone.Start(ctx)
	started := measure.Now()
	if err == nil {
		err = alone.Wait()
	}
	finished := measure.Now()
	outcome.Memory.RSSPeak = rss()
	used := alone.Used() // while there is a control group
	// The last of the output may still be on its way through a shim until that is asked to delete the task.
	removeErr := removed()
	done, readErr := read()
	if err := errors.Join(ended(), err, removeErr); err != nil {
		return Outcome{}, fmt.Errorf("%s in a container: %w", r.Name, err)
	}
	if readErr != nil {
		return Outcome{}, readErr
	}
	// Metering the start would delay the wait for the end.
	phases := []shim.Phase{within(Create, began, created, create), within(Start, before, started, measure.Usage{}),
		within(Run, before, finished, rest(used, create))}
	return r.finish(outcome, done, before, append(phases, whole(phases, Create, Run)), c.Phases(r.Kind))
}

// rest is the usage less that of a part. The sums are exact, but user and kernel time are estimates, so that of the part
// may be larger; then all that is left belongs to the other mode.
func rest(used, part measure.Usage) measure.Usage {
	left := used.Sub(part)
	switch {
	case left.UserNs < 0:
		return measure.Usage{KernelNs: left.CPU()}
	case left.KernelNs < 0:
		return measure.Usage{UserNs: left.CPU()}
	}
	return left
}
