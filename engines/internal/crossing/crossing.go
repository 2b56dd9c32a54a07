// Package crossing has what engines share where calls cross the border of a guest.
package crossing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rrbench/engines"
)

// initializer is a reactor's constructor.
// See https://github.com/WebAssembly/WASI/blob/main/legacy/application-abi.md
const initializer = "_initialize"

// Instantiate does what is the same for all engines: create gets the functions for the module's imports, and runs the
// start section.
func Instantiate(ctx context.Context, config engines.InstanceConfig, imports []engines.FunctionType, create func([]engines.HostFunction) (engines.Instance, error)) (_ engines.Instance, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("instantiate %s: %w", config.Name, err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	resolved, err := engines.Resolve(imports, config.Imports)
	if err != nil {
		return nil, err
	}
	in, err := create(resolved)
	if err != nil {
		return nil, err
	}
	if start, ok := in.Function(initializer); ok {
		if err := start.Call(nil); err != nil {
			return nil, errors.Join(err, in.Close())
		}
	}
	return in, nil
}

// Refuse says why a function is not called with a stack of so many slots: where it is neither closed nor the
// stack too short, calls are nested too deep.
func Refuse(function *engines.FunctionType, instance string, closed bool, slots int) error {
	switch needed := function.Slots(); {
	case closed:
		return fmt.Errorf("call %s in %s: the instance is closed", function.Name, instance)
	case slots < needed:
		return fmt.Errorf("call %s in %s: the stack has %d slots, %s needs %d", function.Name, instance, slots, *function, needed)
	}
	return &engines.Trap{Function: function.Name, Cause: engines.ErrTooDeep}
}

// Ended is the error of a call that the failure of a host function has ended: an exit is one as it is.
func Ended(function string, failure error) error {
	if _, exit := failure.(*engines.Exit); exit {
		return failure
	}
	return &engines.Trap{Function: function, Cause: failure}
}

// Host is a host function as an instance calls it.
type Host struct {
	engines.HostFunction
	// NarrowParams are the places of 32-bit parameters.
	NarrowParams []int
}

// Hosts are an instance's, in the order of its imports.
func Hosts(resolved []engines.HostFunction) []Host {
	hosts := make([]Host, len(resolved))
	for i, function := range resolved {
		function.ImportModule = function.Module
		hosts[i] = Host{function, engines.Narrow(function.Params)}
	}
	return hosts
}

// Failure is an error of the handler's as the guest's call fails with it: an exit as it is, of others
// with the name of the function.
func (h *Host) Failure(err error) error {
	if _, exit := err.(*engines.Exit); exit {
		return err
	}
	return fmt.Errorf("host function %s: %w", h.Path(), err)
}

// Call calls the handler for an engine through whose frames no panic must pass, since nothing would put
// that engine's books right: a panic is an error.
func (h *Host) Call(caller engines.Instance, stack []uint64) (failure error) {
	returned := false
	defer func() {
		if !returned {
			failure = fmt.Errorf("panic in a host function: %s: %v", h.Path(), recover())
		}
	}()
	ClearUpperHalves(stack, h.NarrowParams)
	err := h.Handler(caller, stack)
	returned = true
	if err != nil {
		return h.Failure(err)
	}
	return nil
}

// ClearUpperHalves makes 32-bit values of the slots at these places, of which engines set one half only, or leave in
// the other what a register held.
func ClearUpperHalves(stack []uint64, places []int) {
	for _, place := range places {
		stack[place] = uint64(uint32(stack[place]))
	}
}

var (
	statusOfRange = engines.FunctionType{Params: []engines.ValueType{engines.I32, engines.I32}, Results: []engines.ValueType{engines.I32}}
	digestOfRange = engines.FunctionType{Params: statusOfRange.Params, Results: []engines.ValueType{engines.I64}}
)

// Direct is the place among hosts of the import that a direct call of a function replaces by a handler, negative where
// their types do not allow one (engines.DirectCaller).
func Direct(hosts []Host, module, name string, function, handler engines.FunctionType) int {
	if !function.SameSignature(statusOfRange) || !handler.SameSignature(digestOfRange) {
		return -1
	}
	return slices.IndexFunc(hosts, func(h Host) bool {
		return h.Module == module && h.Name == name && h.SameSignature(statusOfRange)
	})
}
