package runtimes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"rrbench/child"
	"rrbench/measure"
	"rrbench/shim"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// Container runs native programs in containers by runc, each in one from scratch, with namespaces of its own.
type Container struct{}

func (Container) Name() string                   { return nativeEngine }
func (Container) Launcher() string               { return transport.LauncherRunc }
func (Container) MostIdle() int                  { return 10 }
func (Container) Version(context.Context) string { return "" }
func (Container) Programs() []string             { return runc.Launcher{}.Programs() }

// inContainer are the phases of a program in a container that has to be created.
var inContainer = []string{Create, Start, Run, Total}

func (Container) Phases(kind Kind) []string {
	if kind == Compute {
		return inContainer
	}
	return []string{Pull, Unpack, Create, Start, FirstByte, Run, Total}
}

func (Container) Check(_ context.Context, p Program) error {
	if err := p.native(); err != nil {
		return err
	}
	return runc.CheckAlone(p.Native)
}

func (c Container) Run(ctx context.Context, r Request) (outcome Outcome, err error) {
	if r.Idle > 0 {
		return idleContainers(ctx, r, 1, func(input, output *os.File) (*runc.Alone, error) {
			return runc.CreateAlone(ctx, r.Native, []string{"idle"}, input, output, output)
		}, func(alone *runc.Alone) { _, _ = alone.Wait() })
	}
	program, phases := r.Native, []shim.Phase(nil)
	var files unpacked
	if r.Kind == ColdStart {
		if files, phases, err = r.fetchNative(); err != nil {
			return Outcome{}, err
		}
		defer files.remove()
		program = files.path
	}
	stdin, err := inputFile(r.Input)
	if err != nil {
		return Outcome{}, err
	}
	defer stdin.Close()
	output, writer, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer output.Close()
	said, sayer, err := os.Pipe()
	if err != nil {
		return Outcome{}, errors.Join(err, writer.Close())
	}
	defer said.Close()
	began := measure.Now()
	alone, err := runc.CreateAlone(ctx, program, r.Arguments, stdin, writer, sayer)
	created := measure.Now()
	_, _ = writer.Close(), sayer.Close()
	var tail child.Tail
	if err != nil {
		_ = said.SetReadDeadline(time.Now().Add(afterwards))
		_, _ = io.Copy(&tail, said)
		line, _ := tail.Said()
		return Outcome{}, fmt.Errorf("create a container: %w: %s", err, line)
	}
	defer func() { err = errors.Join(err, alone.Remove()) }()
	told := make(chan struct{})
	go func() {
		_, _ = io.Copy(&tail, said)
		close(told)
	}()
	ended := guard(ctx, r.Deadline, output, alone.Kill)
	read := collect(output)
	before := measure.Now()
	err = alone.Start(ctx)
	started := measure.Now()
	rss := sample(alone.PID()) // before, the process is runc's
	if err != nil {
		_ = alone.Kill()
	}
	state, waitErr := alone.Wait()
	done, readErr := read()
	finished := measure.Now()
	outcome.Memory.RSSPeak = rss()
	_ = said.SetReadDeadline(time.Now().Add(afterwards))
	<-told
	if err := errors.Join(ended(), err); err != nil {
		return Outcome{}, err
	}
	if err := failure(state, waitErr, &tail); err != nil {
		return Outcome{}, fmt.Errorf("%s in a container: %w", r.Name, err)
	}
	if readErr != nil {
		return Outcome{}, readErr
	}
	outcome.Disk = files.onDisk(c.Programs())
	usage := measure.Usage{}
	if own, ok := state.SysUsage().(*syscall.Rusage); ok {
		usage = usageOf(own)
	}
	used := alone.Used()
	create, start := usageOf(used[0]), usageOf(used[1])
	// A short program ends before runc returns from starting it, so a run begins when runc is called.
	phases = append(phases, within(Create, began, created, create), within(Start, before, started, start),
		within(Run, before, finished, usage), within(Total, began, finished, usage.Add(create).Add(start)))
	return r.finish(outcome, done, before, phases, c.Phases(r.Kind))
}
