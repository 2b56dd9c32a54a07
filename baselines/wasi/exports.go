package wasi

import (
	"context"
	"fmt"
	"slices"

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

// checkExports refuses a guest that follows another version of abi: its parameters would be
// taken for one another.
func checkExports(guest string, offered []engines.FunctionType) error {
	for name, want := range exports {
		i := slices.IndexFunc(offered, func(f engines.FunctionType) bool { return f.Name == name })
		if i < 0 || !slices.Equal(offered[i].Params, want[0]) || !slices.Equal(offered[i].Results, want[1]) {
			return fmt.Errorf("guest %s does not export %s as this program calls it: was it built by another version? (make guests)", guest, name)
		}
	}
	return nil
}

// compiled returns a guest's code for an engine.
func compiled(ctx context.Context, engineName, guest string) (engines.Module, error) {
	wasm, err := Guests{}.GuestModule(guest)
	if err != nil {
		return nil, err
	}
	module, err := modes.Compile(ctx, engineName, wasm)
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", guest, err)
	}
	return module, checkExports(guest, module.Exports())
}
