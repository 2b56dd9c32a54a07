package wasi

import (
	"errors"
	"fmt"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines"
	"rrbench/engines/wasip1"
	"rrbench/measure"
	"rrbench/transport"
)

// takeUsage is an import of abi.HostModule.
var takeUsage = engines.HostFunction{
	FunctionType: engines.FunctionType{Name: abi.TakeUsage, Params: []engines.ValueType{engines.I32}},
	Module:       abi.HostModule,
	Handler: func(caller engines.Instance, stack []uint64) error {
		exported := caller.Memory()
		if exported == nil {
			return errNoMemory
		}
		to, err := slice(exported.Bytes(), stack[0], 4*8)
		if err != nil {
			return err
		}
		transport.AppendUsage(to[:0], measure.TakeUsage())
		return nil
	},
}

// copiedIn is the other import, of the guest of a system.
func copiedIn(system *wasip1.System) engines.HostFunction {
	return engines.HostFunction{
		FunctionType: engines.FunctionType{Name: abi.CopiedIn, Results: []engines.ValueType{engines.I64}},
		Module:       abi.HostModule,
		Handler: func(_ engines.Instance, stack []uint64) error {
			stack[0] = uint64(system.TakeReceiving())
			return nil
		},
	}
}

var errNoMemory = errors.New(`it does not export its memory as "memory"`)

// slice is the part of a guest's memory that it has named; both numbers have 32 bits.
func slice(memory []byte, pointer, length uint64) ([]byte, error) {
	if size := uint64(len(memory)); pointer > size || length > size-pointer {
		return nil, fmt.Errorf("it points at %d bytes at %d, outside of its memory of %d bytes", length, pointer, size)
	}
	return memory[pointer : pointer+length], nil
}
