package wasi

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rrbench/engines"
	"rrbench/engines/catalogue"
)

// code is what this process has compiled, by engine and guest. It lives as long as the
// process: functions come and go, their code is made once.
var code = struct {
	sync.Mutex
	engines map[string]engines.Engine
	modules map[[2]string]engines.Module
}{engines: map[string]engines.Engine{}, modules: map[[2]string]engines.Module{}}

// compiled returns a guest's code for an engine. Who comes meanwhile waits: two
// compilations at a time would take as long as one after the other.
func compiled(ctx context.Context, engineName, guest string) (engines.Module, error) {
	code.Lock()
	defer code.Unlock()
	key := [2]string{engineName, guest}
	if made := code.modules[key]; made != nil {
		return made, nil
	}
	engine := code.engines[engineName]
	if engine == nil {
		var err error
		if engine, err = catalogue.New(engineName, catalogue.Options{}); err != nil {
			return nil, err
		}
		code.engines[engineName] = engine
	}
	wasm, err := Guests{}.GuestModule(guest)
	if err != nil {
		return nil, err
	}
	compiled, err := engine.Compile(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", guest, err)
	}
	if err := checkExports(guest, compiled.Exports()); err != nil {
		return nil, errors.Join(err, compiled.Close())
	}
	code.modules[key] = compiled
	return compiled, nil
}
