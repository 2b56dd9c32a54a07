package wasi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines"
	"rrbench/engines/wasip1"
	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// guest is a running guest. One goroutine at a time calls it; close may come from another
// and ends the call that is under way when the guest next calls its system.
type guest struct {
	name     string
	system   *wasip1.System
	instance engines.Instance
	// stack has room for every export's parameters.
	stack [6]uint64
	// ended is why the guest cannot be called any more.
	ended error
}

// start makes a guest of setup and begins it with what its payloads will be like. The context
// bounds what comes until the returned function is called.
func (g Guests) start(ctx context.Context, setup transport.Setup) (_ *guest, bounded func() error, err error) {
	codec, kind, err := numbers(setup)
	if err != nil {
		return nil, nil, err
	}
	name, err := modes.GuestOf(g.Info(), setup.Codec, setup.Guest)
	if err != nil {
		return nil, nil, err
	}
	module, err := compiled(ctx, setup.Engine, name)
	if err != nil {
		return nil, nil, err
	}
	made := &guest{name: name}
	if made.system, err = wasip1.New(wasip1.Config{
		Arguments: []string{name},
		// The message of a panic is of use; traces would crowd it out.
		Environment: []string{"GOTRACEBACK=none"},
		Sockets:     true,
		Tune:        stream.TuneTCP,
		Monotonic:   measure.Now,
	}); err != nil {
		return nil, nil, fmt.Errorf("guest %s: set up WASI: %w", name, err)
	}
	cut := context.AfterFunc(ctx, func() { _ = made.system.Close() })
	bounded = func() error {
		if !cut() {
			return fmt.Errorf("set up guest %s: %w", name, context.Cause(ctx))
		}
		return nil
	}
	made.within(setup.Deadline)
	err = modes.Initialise(name, setup.Deadline, func() error {
		if made.instance, err = module.Instantiate(ctx, engines.InstanceConfig{
			Name:        name,
			Imports:     append(made.system.Functions(), takeUsage, copiedIn(made.system)),
			MemoryLimit: cmp.Or(g.memoryLimit, engines.AddressSpace-engines.PageSize),
		}); err != nil {
			return made.system.Explain(err)
		}
		if made.instance.Memory() == nil {
			return fmt.Errorf("guest %s: %w", name, errNoMemory)
		}
		return made.do(abi.Begin, codec, kind, uint64(setup.Size), uint64(setup.Deadline), abi.Bool(setup.Serial), abi.Bool(setup.Consume == transport.ConsumeWrite))
	})
	switch {
	case errors.Is(err, transport.ErrNoAnswer):
		cut()
		return nil, nil, err
	case err != nil:
		return nil, nil, errors.Join(err, bounded(), made.close())
	}
	return made, bounded, nil
}

// within bounds how long the guest may wait from now on; zero is no bound.
func (g *guest) within(timeout time.Duration) {
	if timeout <= 0 {
		g.system.SetDeadline(time.Time{})
		return
	}
	g.system.SetDeadline(time.Now().Add(timeout))
}

// call calls an export. A guest that fails to return is not called again, and its sockets
// are closed: it cannot do that any more, and its peers would wait.
func (g *guest) call(export string, params ...uint64) (uint64, error) {
	if g.ended != nil {
		return 0, g.ended
	}
	function, _ := g.instance.Function(export) // checkExports has found it
	copy(g.stack[:], params)
	if err := function.Call(g.stack[:]); err != nil {
		g.ended = fmt.Errorf("guest %s: %w", g.name, g.system.Explain(err))
		_ = g.system.Close()
		return 0, g.ended
	}
	return g.stack[0], nil
}

// do calls an export that returns a status.
func (g *guest) do(export string, params ...uint64) error {
	status, err := g.call(export, params...)
	if err == nil && status != 0 {
		err = g.failure()
	}
	return err
}

// failure is the guest's own text of what went wrong.
func (g *guest) failure() error {
	where, err := g.call(abi.Failure)
	if err != nil {
		return err
	}
	text, err := g.memory(where>>32, uint64(uint32(where)))
	if err != nil {
		return err
	}
	return fmt.Errorf("guest %s: %s", g.name, cmp.Or(foreign.Line(string(text), foreign.Usual), "it failed and does not say why"))
}

// memory is a part of the guest's memory, until the guest is called again.
func (g *guest) memory(pointer, length uint64) ([]byte, error) {
	bytes, err := slice(g.instance.Memory().Bytes(), pointer, length)
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", g.name, err)
	}
	return bytes, nil
}

// close frees the guest, which must not be running any more.
func (g *guest) close() error {
	err := g.system.Close()
	if g.instance != nil {
		err = errors.Join(err, g.instance.Close())
	}
	return err
}
