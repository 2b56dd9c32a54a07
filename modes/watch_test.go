package modes_test

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rrbench/engines"
	"rrbench/transport/transporttest"
)

// watch gets every instance, and looks into their memories for what is not theirs.
type watch struct {
	t       *testing.T
	guarded string
	// attack is the one that goes on.
	attack string
	// inside: look also whenever a handler is about to run.
	inside bool

	lock sync.Mutex
	last *watched
}

func (w *watch) engine(engine engines.Engine) engines.Engine { return watchedEngine{engine, w} }

// newest is the instance that was made last.
func (w *watch) newest() *watched {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.last
}

type watchedEngine struct {
	engines.Engine
	watch *watch
}

func (e watchedEngine) Compile(ctx context.Context, wasm []byte) (engines.Module, error) {
	module, err := e.Engine.Compile(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return watchedModule{module, e.watch}, nil
}

type watchedModule struct {
	engines.Module
	watch *watch
}

func (m watchedModule) Instantiate(ctx context.Context, config engines.InstanceConfig) (engines.Instance, error) {
	instance, err := m.Module.Instantiate(ctx, config)
	if err != nil {
		return nil, err
	}
	made := &watched{instance, m.watch, config.Name}
	m.watch.lock.Lock()
	m.watch.last = made
	m.watch.lock.Unlock()
	return made, nil
}

type watched struct {
	engines.Instance
	watch *watch
	name  string
}

func (i *watched) Function(name string) (engines.Function, bool) {
	function, ok := i.Instance.Function(name)
	if ok && strings.HasPrefix(name, "handle") && i.watch.inside {
		function = watchedHandle{function, i}
	}
	return function, ok
}

func (i *watched) Close() error {
	i.look()
	return i.Instance.Close()
}

type watchedHandle struct {
	engines.Function
	instance *watched
}

func (h watchedHandle) Call(stack []uint64) error {
	h.instance.look()
	return h.Function.Call(stack)
}

// look is called while nothing else uses the memory. A guarded guest has bytes of 0xC5 around
// its payloads, and hostile ones write 0xA3 wherever they can; no payload has either.
func (i *watched) look() {
	foreign := byte(0xC5)
	if i.name == i.watch.guarded {
		foreign = 0xA3
	}
	memory := i.Memory()
	if memory == nil {
		return
	}
	// What a guest takes to use up memory is not touched.
	visible := memory.Bytes()
	visible = visible[:min(len(visible), 4<<20)]
	if at := bytes.Index(visible, bytes.Repeat([]byte{foreign}, 8)); at >= 0 {
		i.watch.t.Errorf("%s: at %d, %s has another guest's bytes", i.watch.attack, at, i.name)
	}
}

// holdings is what the process has.
type holdings struct {
	descriptors          []string
	goroutines, mappings int
}

func count(t *testing.T) holdings {
	t.Helper()
	runtime.GC()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{transporttest.Descriptors(t), runtime.NumGoroutine(), bytes.Count(maps, []byte("\n"))}
}

// check allows what ends by itself a moment for that, and the Go runtime some mappings.
func (before holdings) check(t *testing.T) {
	t.Helper()
	transporttest.CheckDescriptors(t, before.descriptors)
	var after holdings
	for range 200 {
		if after = count(t); after.goroutines <= before.goroutines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if after.goroutines > before.goroutines {
		t.Errorf("%d goroutines, %d before", after.goroutines, before.goroutines)
	}
	if after.mappings > before.mappings+32 {
		t.Errorf("%d mappings, %d before", after.mappings, before.mappings)
	}
}
