package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rrbench/shim"
	"rrbench/sweep"
	"rrbench/transport"
)

const (
	// countedBytes bounds what the counted hand-offs move, so that an audit takes seconds.
	countedBytes = 64 << 20
	// fewestHandoffs and mostHandoffs are counted: a mean over one would show whatever
	// the processes do now and then.
	fewestHandoffs = 3
	mostHandoffs   = 50
	// warmup comes before the counted hand-offs; what is made at first use is made then.
	warmup = 2
	// window is sent before, so that what has to grow has grown.
	window = 200 * time.Millisecond
)

// Run counts hand-offs of the one cell that the flags describe. It starts the cell's
// functions, warms them up, counts, and ends them, also when the context ends. What is
// wrong with the flags is a *sweep.UsageError.
func Run(ctx context.Context, flags sweep.Config) (_ *Report, err error) {
	cell, setup, info, err := plan(flags)
	if err != nil {
		return nil, err
	}
	counting, err := newCounter()
	if err != nil {
		return nil, fmt.Errorf("an audit needs root: %w (%s)", err, Remedy)
	}
	shims, err := start(ctx, info, cell.Fanout)
	defer func() {
		// What watches the processes goes first: they end faster without.
		counting.close()
		err = errors.Join(err, endAll(shims))
	}()
	if err != nil {
		return nil, err
	}
	for family, s := range shims {
		if err := counting.follow(s.PID(), uint32(family)); err != nil {
			return nil, err
		}
	}
	if err := connect(ctx, shims, cell.Transport, setup); err != nil {
		return nil, err
	}

	rounds := int(min(max(countedBytes/(cell.SizeBytes*int64(cell.Fanout)), fewestHandoffs), mostHandoffs))
	batch := shim.Batch{
		Payload: cell.Payload, Size: cell.SizeBytes, Seed: 1,
		Warmup: warmup, Rounds: 1, Window: window, Deadline: setup.Deadline,
	}
	if err := handOver(ctx, shims[0], batch); err != nil {
		return nil, err
	}
	if err := counting.arm(shims[0].PID()); err != nil {
		return nil, fmt.Errorf("begin to count: %w", err)
	}
	batch.Seed, batch.Rounds, batch.Window = 2, rounds, 0
	if err := handOver(ctx, shims[0], batch); err != nil {
		return nil, err
	}
	found, err := counting.read(rounds)
	if err != nil {
		return nil, fmt.Errorf("read the counts: %w", err)
	}
	return newReport(cell, rounds, len(shims), found), nil
}

// start starts the source's shim, which comes first, and one for each target that has its
// own. What it returns beside an error must be ended too.
func start(ctx context.Context, info transport.Info, fanout int) ([]*shim.Process, error) {
	n := 1
	if info.Hosting == transport.Apart {
		n += fanout
	}
	var shims []*shim.Process
	for i := range n {
		name := "source"
		if i > 0 {
			name = fmt.Sprintf("target %d", i-1)
		}
		s, err := shim.Start(ctx, shim.Options{Name: name, Runs: info.Runs})
		if err != nil {
			return shims, err
		}
		shims = append(shims, s)
	}
	return shims, nil
}

func endAll(shims []*shim.Process) error {
	var group errgroup.Group
	for _, s := range shims {
		group.Go(s.Close)
	}
	return group.Wait()
}

// connect opens one route from the source to every target.
func connect(ctx context.Context, shims []*shim.Process, name string, setup transport.Setup) error {
	endpoints := make([]transport.Endpoint, setup.Fanout)
	for i := range endpoints {
		target := shims[min(i+1, len(shims)-1)]
		var err error
		if endpoints[i], err = target.Serve(ctx, name, setup); err != nil {
			return err
		}
	}
	return shims[0].Open(ctx, name, setup, endpoints)
}

// handOver runs a batch of which every hand-off must succeed.
func handOver(ctx context.Context, source *shim.Process, batch shim.Batch) error {
	_, err := source.Run(ctx, batch, func(r shim.Record) error {
		if r.Err != "" {
			return fmt.Errorf("target %d: %s", r.Target, r.Err)
		}
		return nil
	})
	return err
}
