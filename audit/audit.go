// Package audit counts what one hand-off of a transport copies and calls: bytes copied in
// user space, bytes that cross the kernel, system calls, page faults, context switches, for
// each process that takes part. Nothing in a report is taken from knowledge of a transport.
//
// Transports are not aware of it. The functions live in shims as always; the kernel runs small programs of package audit
// (counts.c, eBPF) where system calls end, tasks are switched and pages are allocated, and where the processes enter the
// functions that copy memory (uprobes). The programs add up in the kernel, so nothing is lost, and the kernel removes them
// when this process ends, however it ends: there is nothing to clean up.
//
// Two functions, enter and leave in shim/run.go, mark a hand-off; a shim's runner calls them before and after each step of
// a round. A hand-off is counted from t0 until the source knows that every target has consumed the payload, in recorded
// rounds alone. Preparing payloads lies outside. The target's handler reads the payload within; reading copies nothing, but
// its page faults count.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rrbench/shim"
	"rrbench/shim/launch"
	"rrbench/sweep"
)

const (
	// countedBytes bounds what the counted hand-offs move, so that an audit takes seconds.
	countedBytes = 64 << 20
	// A mean over one hand-off would show whatever the processes do now and then.
	fewestHandoffs = 3
	mostHandoffs   = 50
	// warmup is the number of hand-offs before those that are counted, for everything that is made at first use.
	warmup = 2
	// window is how long hand-offs go on before those that are counted, so that buffers have grown.
	window = 200 * time.Millisecond
)

// Run counts hand-offs of the one cell that the flags describe.
func Run(ctx context.Context, flags sweep.Config) (_ *Report, err error) {
	settled, info, err := plan(ctx, flags)
	if err != nil {
		return nil, err
	}
	cell := settled.Cells[0]
	setup := settled.Setup(&cell)
	counting, err := newCounter()
	if err != nil {
		return nil, fmt.Errorf("an audit needs root: %w (%s)", err, Remedy)
	}
	shims, err := shim.StartCell(ctx, launch.For(info), info, setup)
	if err != nil {
		counting.close()
		return nil, err
	}
	defer func() {
		// The processes end faster when nothing watches them any more.
		counting.close()
		err = errors.Join(err, shims.Close())
	}()
	var source int
	for family, s := range shims.Shims() {
		pid, err := s.PID()
		if err != nil {
			return nil, err
		}
		if family == 0 {
			source = pid
		}
		if err := counting.follow(pid, uint32(family)); err != nil {
			return nil, err
		}
	}
	if _, err := shims.Connect(ctx, 1, 1); err != nil {
		return nil, err
	}

	rounds := int(min(max(countedBytes/(cell.SizeBytes*int64(cell.Fanout)), fewestHandoffs), mostHandoffs))
	batch := shim.Batch{
		Payload: cell.Payload, Sizes: []int64{cell.SizeBytes}, Seed: 1,
		Warmup: warmup, Rounds: 1, Window: window, Deadline: setup.Deadline,
	}
	if err := handOver(ctx, shims, batch); err != nil {
		return nil, err
	}
	if err := counting.arm(source); err != nil {
		return nil, fmt.Errorf("begin to count: %w", err)
	}
	batch.Seed, batch.Rounds, batch.Window = 2, rounds, 0
	if err := handOver(ctx, shims, batch); err != nil {
		return nil, err
	}
	if err := counting.read(rounds); err != nil {
		return nil, fmt.Errorf("read the counts: %w", err)
	}
	return newReport(cell, rounds, len(shims.Shims()), counting), nil
}

func handOver(ctx context.Context, shims *shim.Cell, batch shim.Batch) error {
	_, err := shims.Run(ctx, batch, func(r shim.Record) error {
		if r.Err != nil {
			return fmt.Errorf("target %d: %w", r.Target, r.Err)
		}
		return nil
	})
	return err
}
