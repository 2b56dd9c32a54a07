package modes

import (
	"testing"

	"rrbench/engines"
)

// Through has every guest that is loaded until the test ends run on an engine that wrap makes
// of the real one.
func Through(t *testing.T, wrap func(engines.Engine) engines.Engine) {
	compiled.lock.Lock()
	defer compiled.lock.Unlock()
	newEngine, known, modules := compiled.newEngine, compiled.engines, compiled.modules
	compiled.engines, compiled.modules = nil, nil
	compiled.newEngine = func(name string) (engines.Engine, error) {
		engine, err := newEngine(name)
		if err != nil {
			return nil, err
		}
		return wrap(engine), nil
	}
	t.Cleanup(func() {
		for _, module := range compiled.modules {
			if module.compiled != nil {
				if err := module.compiled.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		for _, engine := range compiled.engines {
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		}
		compiled.newEngine, compiled.engines, compiled.modules = newEngine, known, modules
	})
}
