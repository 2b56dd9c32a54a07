package shim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rrbench/measure"
	"rrbench/transport"
	"rrbench/workloads"
)

// Cell is a cell's functions in their shims.
type Cell struct {
	// pods are the source's, and then those of the targets' launchers.
	pods  []Pod
	info  transport.Info
	setup transport.Setup
	// shims are the source's, and then the targets' if these have their own.
	shims []*Process
}

// startsAtOnce bounds how many shims start at the same time.
const startsAtOnce = 8

// ShimsOf is how many shims the functions of a cell live in.
func ShimsOf(info transport.Info, fanout int) int {
	if info.Hosting == transport.SharedProcess {
		return 1
	}
	return 1 + fanout
}

// StartCell starts the shims of a cell by its launcher, and gives them the guest if it was added
// here (workloads.Add). Launchers of targets, if there are any, take turns in starting the
// targets. When a shim cannot be started, none remains.
func StartCell(ctx context.Context, launcher Launcher, info transport.Info, setup transport.Setup, targets ...Launcher) (_ *Cell, err error) {
	c := &Cell{info: info, setup: setup, shims: make([]*Process, ShimsOf(info, setup.Fanout))}
	for _, launcher := range append([]Launcher{launcher}, targets...) {
		pod, err := launcher.Prepare(setup.Parameter)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.pods = append(c.pods, pod)
	}
	module, isAdded := workloads.Added(setup.Guest)
	starts, bounded := errgroup.WithContext(ctx)
	starts.SetLimit(startsAtOnce)
	for i := range c.shims {
		name, pod := "source", c.pods[0]
		if i > 0 {
			name = fmt.Sprintf("target %d", i-1)
		}
		if n := len(targets); n > 0 && i > 0 {
			pod = c.pods[1+(i-1)%n]
		}
		starts.Go(func() (err error) {
			if c.shims[i], err = Start(bounded, pod, name, info.Runs); err == nil && isAdded {
				err = c.shims[i].Add(bounded, setup.Guest, module)
			}
			return err
		})
	}
	if err := starts.Wait(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Connect serves targets for each of the concurrent groups, and opens a route to them from each of the
// group's sources, of which there are fanin. It returns how long that took.
func (c *Cell) Connect(ctx context.Context, concurrency, fanin int) (took time.Duration, err error) {
	began := time.Now()
	for range concurrency {
		// Each target function has a shim of its own, or the source's where there is no other.
		endpoints := make([]transport.Endpoint, c.setup.Fanout)
		serving, bounded := errgroup.WithContext(ctx)
		serving.SetLimit(startsAtOnce) // the deadline is one function's
		for i := range endpoints {
			serving.Go(func() (err error) {
				endpoints[i], err = c.shims[min(i+1, len(c.shims)-1)].Serve(bounded, c.info.Name, c.setup)
				return err
			})
		}
		if err := serving.Wait(); err != nil {
			return 0, err
		}
		for range fanin {
			if err := c.shims[0].Open(ctx, c.info.Name, c.setup, endpoints); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began), nil
}

// Shims are the processes, the source's first.
func (c *Cell) Shims() []*Process { return c.shims }

// Run runs a batch; see Process.Run.
func (c *Cell) Run(ctx context.Context, batch Batch, each func(Record) error) (Window, error) {
	return c.shims[0].Run(ctx, batch, each)
}

// Memory adds up the peaks of all participants.
func (c *Cell) Memory(ctx context.Context) (measure.Memory, error) {
	var total measure.Memory
	for _, s := range c.shims {
		memory, err := s.Memory(ctx)
		if err != nil {
			return total, err
		}
		total = total.Add(memory)
	}
	return total, nil
}

// lastMoment is how long a shim that is about to end may still run when its peers have noticed.
const lastMoment = 200 * time.Millisecond

// Ended returns how targets' shims have ended that were not asked to, or nil.
func (c *Cell) Ended() error {
	var ended []error
	for _, s := range c.shims[1:] {
		ended = append(ended, s.Ended(lastMoment/time.Duration(len(c.shims))))
	}
	return errors.Join(ended...)
}

// Close ends the shims and what they shared. It returns what could not be closed, and ends of shims
// that no call has returned yet.
func (c *Cell) Close() error {
	var group errgroup.Group
	for _, s := range c.shims {
		if s != nil {
			group.Go(s.Close)
		}
	}
	errs := []error{group.Wait()}
	for _, pod := range c.pods {
		errs = append(errs, pod.Close())
	}
	return errors.Join(errs...)
}
