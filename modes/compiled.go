package modes

import (
	"context"
	"crypto/sha256"
	"sync"

	"rrbench/engines"
	"rrbench/engines/catalogue"
)

// compiled is what this process has compiled. Engines and modules live as long as the
// process: a cell's functions come and go, their code is made once.
var compiled = cache{newEngine: func(name string) (engines.Engine, error) {
	return catalogue.New(name, catalogue.Options{})
}}

// Compile returns the code of a guest on an engine, which this process makes once. It is not to be
// closed.
func Compile(ctx context.Context, engineName string, wasm []byte) (engines.Module, error) {
	module, _, err := compiled.module(ctx, engineName, wasm)
	return module, err
}

type cache struct {
	newEngine func(name string) (engines.Engine, error)

	lock    sync.Mutex
	engines map[string]engines.Engine
	modules map[moduleKey]*module
}

// moduleKey names a module by its content, since a file may be another one next time.
type moduleKey struct {
	engine string
	wasm   [sha256.Size]byte
}

// module is compiled for the first caller; the others wait for it. A failure is not kept:
// the context may have caused it.
type module struct {
	lock     sync.Mutex
	compiled engines.Module
}

// module also says whether the pages of the engine's linear memories can move.
func (c *cache) module(ctx context.Context, engineName string, wasm []byte) (_ engines.Module, movable bool, err error) {
	engine, entry, err := c.entry(moduleKey{engineName, sha256.Sum256(wasm)})
	if err != nil {
		return nil, false, err
	}
	entry.lock.Lock()
	defer entry.lock.Unlock()
	if entry.compiled == nil {
		entry.compiled, err = engine.Compile(ctx, wasm)
	}
	can := engine.Capabilities()
	return entry.compiled, can.StableBase && can.PrivateAnonymousMemory, err
}

func (c *cache) entry(key moduleKey) (engines.Engine, *module, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	engine := c.engines[key.engine]
	if engine == nil {
		var err error
		if engine, err = c.newEngine(key.engine); err != nil {
			return nil, nil, err
		}
		if c.engines == nil {
			c.engines, c.modules = map[string]engines.Engine{}, map[moduleKey]*module{}
		}
		c.engines[key.engine] = engine
	}
	entry := c.modules[key]
	if entry == nil {
		entry = new(module)
		c.modules[key] = entry
	}
	return engine, entry, nil
}
