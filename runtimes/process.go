package runtimes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"rrbench/child"
	"rrbench/measure"
	"rrbench/shim"
	"rrbench/transport"
)

// Native runs native programs as processes.
type Native struct{}

func (Native) Name() string                   { return nativeEngine }
func (Native) Launcher() string               { return transport.LauncherProcess }
func (Native) MostIdle() int                  { return 1000 }
func (Native) Version(context.Context) string { return "" }
func (Native) Programs() []string             { return nil }

func (Native) Phases(kind Kind) []string {
	if kind == Compute {
		return []string{Run, Total}
	}
	return []string{Pull, Unpack, Create, FirstByte, Run, Total}
}

func (Native) Check(_ context.Context, p Program) error { return p.native() }

func (n Native) Run(ctx context.Context, r Request) (Outcome, error) {
	if r.Idle > 0 {
		return idleProcesses(ctx, r, []string{r.Native, "idle"})
	}
	if r.Kind == Compute {
		return runProcess(ctx, r, nil, n.Phases(r.Kind), append([]string{r.Native}, r.Arguments...))
	}
	files, phases, err := r.fetchNative()
	if err != nil {
		return Outcome{}, err
	}
	defer files.remove()
	outcome, err := runProcess(ctx, r, phases, n.Phases(r.Kind), append([]string{files.path}, r.Arguments...))
	outcome.Disk = files.onDisk(nil)
	return outcome, err
}

// runProcess runs a command line once; the phases are what went before.
func runProcess(ctx context.Context, r Request, phases []shim.Phase, wanted, words []string) (Outcome, error) {
	done, err := execute(ctx, words, r.Input, r.Deadline)
	if err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", filepath.Base(words[0]), err)
	}
	ran := done.created
	if r.Kind == Compute {
		ran = done.began
	}
	phases = append(phases, within(Create, done.began, done.created, measure.Usage{}), within(Run, ran, done.ended, done.usage), within(Total, done.began, done.ended, done.usage))
	return r.finish(Outcome{Memory: measure.Memory{RSSPeak: done.rss}}, done.output, ran, phases, wanted)
}

// executed is the result of a process; moments are CLOCK_MONOTONIC in nanoseconds.
type executed struct {
	began, created, ended int64
	usage                 measure.Usage
	rss                   int64
	output                *shim.Output
}

// inputFile makes an open file with that content and without a name.
func inputFile(content []byte) (*os.File, error) {
	descriptor, err := unix.MemfdCreate("input", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(descriptor), "input")
	if _, err = file.Write(content); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// afterwards is how long output is still read after its process was killed.
const afterwards = 200 * time.Millisecond

// execute runs a process until its end. What it writes to standard output is digested, of standard error the end is kept
// for the error. Beyond the deadline it is killed.
func execute(ctx context.Context, words []string, input []byte, deadline time.Duration) (*executed, error) {
	stdin, err := inputFile(input)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var said child.Tail
	command := exec.Command(words[0], words[1:]...)
	command.Stdin, command.Stdout, command.Stderr = stdin, writer, &said
	command.WaitDelay = afterwards
	done := &executed{began: measure.Now()}
	if err := child.Start(command); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	done.created = measure.Now()
	_ = writer.Close()
	ended := guard(ctx, deadline, reader, command.Process.Kill)
	rss := sample(command.Process.Pid)
	read := collect(reader)
	var readErr error
	done.output, readErr = read()
	waitErr := command.Wait()
	done.ended = measure.Now()
	done.rss = rss()
	if err := cmp.Or(ended(), failure(command.ProcessState, waitErr, &said), readErr); err != nil {
		return nil, err
	}
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		done.usage = usageOf(usage)
		done.rss = exact(usage, done.rss)
	}
	return done, nil
}

func usageOf(r *syscall.Rusage) measure.Usage {
	return measure.Usage{UserNs: r.Utime.Nano(), KernelNs: r.Stime.Nano(), MinorFaults: int64(r.Minflt), ContextSwitches: int64(r.Nvcsw) + int64(r.Nivcsw)}
}

// exact is the peak of a process' resident memory in bytes. The kernel's count includes the time before the program was
// loaded, when the child was a copy of this process; unless it is larger than this process' own peak, the sampled one is
// used.
func exact(r *syscall.Rusage, sampled int64) int64 {
	counted := r.Maxrss << 10
	var own unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &own); err == nil && counted > own.Maxrss<<10 {
		return counted
	}
	return sampled
}

// sample reads a process' peak of resident memory again and again. The result ends that, and is the last, 0 where the
// process was faster.
func sample(pid int) func() int64 {
	const rarest = 20 * time.Millisecond
	stop, peak := make(chan struct{}), int64(0)
	var group sync.WaitGroup
	group.Go(func() {
		process, err := procfs.NewProc(pid)
		if err != nil {
			return
		}
		for wait := time.Millisecond; ; wait = min(2*wait, rarest) {
			select {
			case <-stop:
				return
			case <-time.After(wait):
			}
			status, err := process.NewStatus()
			if err != nil {
				return
			}
			if status.VmHWM > 0 { // of a process that has ended there is none; a program that was loaded since begins anew
				peak = int64(status.VmHWM)
			}
		}
	})
	return func() int64 { close(stop); group.Wait(); return peak }
}

// guard kills a process when its time is over, or the run's. The function that it returns ends the watch, and returns why the process was killed.
func guard(ctx context.Context, deadline time.Duration, output *os.File, kill func() error) func() error {
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("%w within %v: it still runs (--deadline)", transport.ErrNoAnswer, deadline))
	stop := context.AfterFunc(ctx, func() {
		_ = kill()
		_ = output.SetReadDeadline(time.Now().Add(afterwards))
	})
	return func() error {
		defer cancel()
		if stop() {
			return nil
		}
		return context.Cause(ctx)
	}
}

// failure describes how a process ended and its last output, if it did not end successfully.
func failure(state *os.ProcessState, err error, said *child.Tail) error {
	if state != nil && state.Success() {
		return nil
	}
	line, _ := said.Said()
	how := shim.HowEnded(state, err)
	if line != "" {
		how += ": " + line
	}
	return errors.New("it " + how)
}

// idleProcesses starts processes that wait for their input, and reads how much memory they take together.
func idleProcesses(ctx context.Context, r Request, words []string) (outcome Outcome, err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer reader.Close()
	var started []*exec.Cmd
	defer func() {
		_ = writer.Close() // it ends them
		for _, command := range started {
			if err != nil {
				_ = command.Process.Kill()
			}
			_ = command.Wait()
		}
	}()
	var said child.Tail
	began := measure.Now()
	for range r.Idle {
		if ctx.Err() != nil {
			return Outcome{}, context.Cause(ctx)
		}
		command := exec.Command(words[0], words[1:]...)
		command.Stdin, command.Stderr = reader, &said
		if err := child.Start(command); err != nil {
			return Outcome{}, fmt.Errorf("process %d: %w", len(started), err)
		}
		started = append(started, command)
	}
	return atRest(ctx, r, began, started, func(c *exec.Cmd) int { return c.Process.Pid })
}

// An idler is a container that waits for its input.
type idler interface {
	Start(context.Context) error
	PID() int
	Kill() error
	Remove() error
}

// idleContainers starts containers, so many at once, that wait for their input, and reads how much memory their programs take together.
func idleContainers[Container idler](ctx context.Context, r Request, atOnce int, create func(input, output *os.File) (Container, error), wait func(Container)) (outcome Outcome, err error) {
	input, hold, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer input.Close()
	defer hold.Close()
	output, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return Outcome{}, err
	}
	defer output.Close()
	all, made := make([]Container, r.Idle), make([]bool, r.Idle)
	each := func(do func(n int) error) error {
		var group errgroup.Group
		group.SetLimit(atOnce)
		for n := range all {
			group.Go(func() error { return do(n) })
		}
		return group.Wait()
	}
	defer func() {
		err = errors.Join(err, each(func(n int) error {
			if !made[n] {
				return nil
			}
			_ = all[n].Kill()
			wait(all[n])
			return all[n].Remove()
		}))
	}()
	began := measure.Now()
	err = each(func(n int) (err error) {
		if all[n], err = create(input, output); err != nil {
			return fmt.Errorf("container %d: %w", n, err)
		}
		made[n] = true
		return all[n].Start(ctx)
	})
	if err != nil {
		return Outcome{}, err
	}
	return atRest(ctx, r, began, all, Container.PID)
}

// collect reads what a program writes, to its end. The result waits for that.
func collect(output *os.File) func() (*shim.Output, error) {
	done := new(shim.Output)
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(done, output)
		done.End()
		if err != nil {
			err = fmt.Errorf("read its output: %w", err)
		}
		read <- err
	}()
	return func() (*shim.Output, error) { return done, <-read }
}

// atRest waits until all idle instances, which were made from the moment began on, have come to rest, at most until the
// deadline, and adds up the memory of their processes.
func atRest[Instance any](ctx context.Context, r Request, began int64, all []Instance, pid func(Instance) int) (outcome Outcome, err error) {
	outcome.Phases = []shim.Phase{within(Idle, began, measure.Now(), measure.Usage{})}
	until := time.Now().Add(r.Deadline)
	for _, one := range all {
		if err := awaitRest(ctx, pid(one), until); err != nil {
			return outcome, err
		}
	}
	for _, one := range all {
		memory, err := measure.ProcessMemory(pid(one))
		if err != nil {
			return outcome, err
		}
		outcome.Memory = outcome.Memory.Add(memory)
	}
	return outcome, nil
}

// awaitRest waits until a process sleeps and goes on doing so.
func awaitRest(ctx context.Context, pid int, deadline time.Time) error {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return err
	}
	var before uint
	for {
		stat, err := process.Stat()
		if err != nil {
			return fmt.Errorf("an idle process has ended: %w", err)
		}
		if stat.State == "Z" {
			return errors.New("an idle process has ended")
		}
		if used := stat.UTime + stat.STime + stat.MinFlt; stat.State == "S" && used == before {
			return nil
		} else {
			before = used
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: an idle process does not come to rest (--deadline)", transport.ErrNoAnswer)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
