package wasi

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines"
	"rrbench/modes"
)

// exports are the functions that abi asks of a guest: parameters, then results.
var exports = map[string][2][]engines.ValueType{
	abi.Begin:      {{engines.I32, engines.I32, engines.I64, engines.I64, engines.I32, engines.I32}, {engines.I32}},
	abi.Listen:     {{engines.I32, engines.I32}, {engines.I32}},
	abi.Token:      {nil, {engines.I32}},
	abi.Serve:      {nil, nil},
	abi.Target:     {{engines.I32, engines.I32}, {engines.I32}},
	abi.Open:       {nil, {engines.I32}},
	abi.Prepare:    {{engines.I32, engines.I64, engines.I64}, {engines.I32}},
	abi.Rehearse:   {{engines.I32, engines.I64, engines.I64}, {engines.I32}},
	abi.Send:       {nil, {engines.I32}},
	abi.Deliveries: {nil, {engines.I32}},
	abi.Failure:    {nil, {engines.I64}},
}

// checkExports refuses a guest of another version of abi: it would take one parameter for another.
func checkExports(guest string, offered []engines.FunctionType) error {
	for name, want := range exports {
		i := slices.IndexFunc(offered, func(f engines.FunctionType) bool { return f.Name == name })
		if i < 0 || !slices.Equal(offered[i].Params, want[0]) || !slices.Equal(offered[i].Results, want[1]) {
			return fmt.Errorf("guest %s does not export %s as this program calls it: was it built by another version? (make guests)", guest, name)
		}
	}
	return nil
}

// modules are the engines.Module of guests, by engine and guest, that are compiled and checked: these guests are
// part of the program, so that reading and hashing their megabytes once is enough.
var modules sync.Map

// compiled returns a guest's code for an engine.
func compiled(ctx context.Context, engineName, guest string) (engines.Module, error) {
	key := [2]string{engineName, guest}
	if known, ok := modules.Load(key); ok {
		return known.(engines.Module), nil
	}
	wasm, err := Guests{}.GuestModule(guest)
	if err != nil {
		return nil, err
	}
	module, err := modes.Compile(ctx, engineName, wasm)
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", guest, err)
	}
	if err := checkExports(guest, module.Exports()); err != nil {
		return nil, err
	}
	modules.Store(key, module)
	return module, nil
}
