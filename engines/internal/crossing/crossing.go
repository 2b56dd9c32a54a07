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

// Guest is what the instances of all engines have. It is used as engines.Instance is: by one goroutine at a time.
type Guest struct {
	Name  string
	Types *engines.ModuleTypes
	Hosts []Host
	// Functions are those that were looked up.
	Functions map[string]engines.Function
	// Failure is the error of the host function that has ended the call which is being unwound.
	Failure error
	// Depth is how many calls into the instance are running.
	Depth  int
	Closed bool
}

// Instantiate does what is the same for all engines: create makes the instance of a guest, and runs the start section.
func Instantiate(ctx context.Context, config engines.InstanceConfig, types *engines.ModuleTypes, create func(Guest) (engines.Instance, error)) (_ engines.Instance, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("instantiate %s: %w", config.Name, err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	resolved, err := engines.Resolve(types.Imported, config.Imports)
	if err != nil {
		return nil, err
	}
	guest := Guest{Name: config.Name, Types: types, Hosts: make([]Host, len(resolved)), Functions: map[string]engines.Function{}}
	for i, function := range resolved {
		function.ImportModule = function.Module
		guest.Hosts[i] = Host{function, engines.Narrow(function.Params)}
	}
	in, err := create(guest)
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

// Find finds an exported function, or has it made; make returns nil for a function that the engine does not find.
func (g *Guest) Find(name string, make func(engines.FunctionType) engines.Function) (engines.Function, bool) {
	if f, ok := g.Functions[name]; ok {
		return f, true
	}
	kind, ok := g.Types.Export(name)
	if g.Closed || !ok {
		return nil, false
	}
	f := make(kind)
	if f == nil {
		return nil, false
	}
	g.Functions[name] = f
	return f, true
}

// Refuse returns why a function cannot be called with a stack of so many slots. If the instance is not closed and the
// stack is long enough, calls are nested too deep.
func (g *Guest) Refuse(function *engines.FunctionType, slots int) error {
	switch needed := function.Slots(); {
	case g.Closed:
		return fmt.Errorf("call %s in %s: the instance is closed", function.Name, g.Name)
	case slots < needed:
		return fmt.Errorf("call %s in %s: the stack has %d slots, %s needs %d", function.Name, g.Name, slots, *function, needed)
	}
	return &engines.Trap{Function: function.Name, Cause: engines.ErrTooDeep}
}

// Ended is the error of a call that has not returned: that of the host function which ended it, an exit as it is, or
// what the engine reports.
func (g *Guest) Ended(function, report string) error {
	failure := g.Failure
	g.Failure = nil
	if _, exit := failure.(*engines.Exit); exit {
		return failure
	}
	if failure == nil {
		failure = errors.New(report)
	}
	return &engines.Trap{Function: function, Cause: failure}
}

// Shut marks the instance as closed. It returns false for one that was closed before, and an error for one that is
// running.
func (g *Guest) Shut() (first bool, err error) {
	switch {
	case g.Closed:
		return false, nil
	case g.Depth > 0:
		return false, fmt.Errorf("close %s: a call into it is running: let it return first", g.Name)
	}
	g.Closed = true
	return true, nil
}

// Host is a host function as an instance calls it.
type Host struct {
	engines.HostFunction
	// NarrowParams are the places of 32-bit parameters.
	NarrowParams []int
}

// Failure is an error of the handler's as the guest's call fails with it: an exit as it is, of others
// with the name of the function.
func (h *Host) Failure(err error) error {
	if _, exit := err.(*engines.Exit); exit {
		return err
	}
	return fmt.Errorf("host function %s: %w", h.Path(), err)
}

// Call calls the handler. It turns a panic into an error, for engines whose state would be wrong after a panic had passed
// through their frames.
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

// ClearUpperHalves clears the upper halves of the slots at these places, which hold 32-bit values: engines may leave
// there what a register held.
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
