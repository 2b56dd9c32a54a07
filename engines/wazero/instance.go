package wazero

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
)

// largest is the largest memory in bytes: wazero's compiled code reads a memory's length
// as 32 bits, for which 4 GiB is nothing.
const largest = engines.AddressSpace - engines.PageSize

type instance struct {
	crossing.Guest
	module *module
	guest  api.Module
	// linear is nil for a guest without memory.
	linear *linearMemory
	calls  callContext
}

// callContext leads a host function to the instance that called it.
type callContext struct {
	context.Context
	instance *instance
	// creating: the context inside has an option, the allocator of memory.
	creating bool
}

// Value is asked for wazero's own options at every call. There are none but when the guest is
// made, and the way through the context inside would be two more calls.
func (c *callContext) Value(key any) any {
	if c.creating {
		return c.Context.Value(key)
	}
	return nil
}

func (m *module) Instantiate(ctx context.Context, config engines.InstanceConfig) (engines.Instance, error) {
	return crossing.Instantiate(ctx, config, m.ModuleTypes, func(guest crossing.Guest) (engines.Instance, error) {
		if err := m.Retain(); err != nil {
			return nil, err
		}
		in := &instance{Guest: guest, module: m}
		in.calls = callContext{Context: context.Background(), instance: in}
		if err := in.create(min(config.Limit(), largest)); err != nil {
			return nil, errors.Join(err, in.Close())
		}
		return in, nil
	})
}

// create makes the guest. wazero has no error for a memory that cannot be had and panics;
// a failing start section leaves the memory to its allocator.
func (in *instance) create(limit uint64) (err error) {
	in.Depth++
	defer func() {
		in.Depth--
		if recovered := recover(); recovered != nil {
			if in.Failure == nil {
				in.Failure = fmt.Errorf("wazero failed: %v", recovered)
			}
			err = in.Failure
		}
	}()
	allocator := experimental.MemoryAllocatorFunc(func(initial, maximum uint64) experimental.LinearMemory {
		if initial > limit {
			in.Failure = &engines.MemoryTooLarge{Wanted: initial, Limit: limit}
			panic(in.Failure)
		}
		in.linear, in.Failure = newLinearMemory(min(maximum, limit))
		if in.Failure != nil {
			panic(in.Failure)
		}
		return in.linear
	})
	creation := &callContext{experimental.WithMemoryAllocator(context.Background(), allocator), in, true}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	in.guest, err = in.module.runtime.InstantiateModule(creation, in.module.compiled, config)
	if err != nil {
		// Wazero numbers the start function.
		if cause := errors.Unwrap(err); cause != nil {
			err = cause
		}
		return in.explain("the start function", err)
	}
	return nil
}

func (in *instance) Memory() engines.Memory {
	if in.linear == nil || !in.Types.ShowsMemory {
		return nil
	}
	return (*memory)(in)
}

type memory instance

func (m *memory) Bytes() []byte { return m.linear.view }
func (m *memory) Size() uint64  { return uint64(len(m.linear.view)) }

func (in *instance) Close() error {
	first, err := in.Shut()
	if !first {
		return err
	}
	if in.guest != nil {
		err = in.guest.Close(context.Background())
	}
	if in.linear != nil {
		in.linear.Free()
	}
	return errors.Join(err, in.module.Release())
}
