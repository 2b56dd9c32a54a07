package modes

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/engines/wasip1"
	"rrbench/measure"
	"rrbench/memory"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads"
)

// Load makes a fresh function of setup.Guest on setup.Engine. With a sender it can be a
// source (Prepare, Send), without one it is a target only; either can be handed regions. A
// guest is compiled once a process and engine. The error names the guest, and the export
// or import that is not as the ABI wants it. The context bounds the set-up alone.
func Load(ctx context.Context, setup transport.Setup, send Sender) (*Function, error) {
	return LoadWithWindow(ctx, setup, send, noWindow)
}

// noWindow is why a function has no window that was not asked for.
const noWindow = "it was to have none"

// LoadWithWindow is Load for a function with a window (package memory), if it can have one and there
// is no reason against it. Windowless returns that reason.
func LoadWithWindow(ctx context.Context, setup transport.Setup, send Sender, against string) (*Function, error) {
	wasm, err := workloads.Guest(setup.Guest)
	if err != nil {
		return nil, err
	}
	return loadModule(ctx, setup, wasm, send, against)
}

// LoadModule is Load for a guest that is not one of package workloads: setup.Guest is only
// its name. What it makes by itself is of setup.Payload's kind.
func LoadModule(ctx context.Context, setup transport.Setup, wasm []byte, send Sender) (*Function, error) {
	f, err := loadModule(ctx, setup, wasm, send, noWindow)
	if err == nil {
		f.makes = setup.Payload
	}
	return f, err
}

func loadModule(ctx context.Context, setup transport.Setup, wasm []byte, send Sender, windowless string) (*Function, error) {
	module, movable, err := compiled.module(ctx, setup.Engine, wasm)
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", setup.Guest, err)
	}
	limit := memoryLimit(setup)
	if windowless == "" && movable {
		// What lies before the window's end is address space, of which the guest uses little.
		limit = min(limit+uint64(memory.WindowEnd()), most)
	}
	f, err := instantiate(ctx, module, setup, limit, send)
	if err != nil {
		return nil, err
	}
	f.movable = movable
	if windowless != "" {
		f.windowless = errors.New(windowless)
		return f, nil
	}
	err = Initialise(f.name, setup.Deadline, func() error {
		f.windowless = f.takeWindow()
		return nil
	})
	if err != nil {
		// The guest is in its allocator, and stays there.
		return nil, err
	}
	return f, nil
}

// Memory that an instance may use beyond its payloads: the guest's own data, its runtime's
// heap, fragmentation.
const memoryReserve = 256 << 20

// most is the longest memory, in bytes.
const most = engines.AddressSpace - engines.PageSize

// memoryLimit is room for a payload that arrives while the one before is still kept, and
// never so much that the end of memory has no 32-bit offset. A guest that serializes needs
// several times that, and gets all there is.
func memoryLimit(setup transport.Setup) uint64 {
	if setup.Codec.Serializes() {
		return most
	}
	return min(2*uint64(max(setup.Size, 0))+memoryReserve, most)
}

// bufferReserve is what the host's buffer for a guest takes beyond a payload, in bytes.
const bufferReserve = 1 << 20

func instantiate(ctx context.Context, module engines.Module, setup transport.Setup, limit uint64, send Sender) (_ *Function, err error) {
	f := &Function{name: setup.Guest, sender: send, origin: cmp.Or(setup.Origin, transport.OriginHost), makes: payloads.Text, bufferLimit: uint64(max(setup.Size, 0)) + bufferReserve}
	defer func() {
		switch {
		case errors.Is(err, transport.ErrNoAnswer):
			// The guest ends if it waits for its system. It may be busy in there.
			go f.discard()
		case err != nil:
			err = errors.Join(fmt.Errorf("guest %s: %w", f.name, err), f.discard())
		}
	}()
	wanted := []engines.FunctionType{allocateType, deallocateType, handleType}
	handler, can := handleType, abilitiesOf(module)
	if setup.Consume == transport.ConsumeWrite {
		handler = handleWriteType
		wanted = append(wanted, handler)
	}
	if send != nil {
		wanted = append(wanted, sendType)
		if f.origin != transport.OriginHost {
			wanted = append(wanted, produceType)
		}
	}
	if err := checkExports(module, wanted...); err != nil {
		return nil, err
	}
	if send != nil && (f.origin == transport.OriginBuffer && !can.Buffer || f.origin == transport.OriginHeap && !can.Heap) {
		needs := map[transport.Origin]string{transport.OriginBuffer: bufferName, transport.OriginHeap: locateName}[f.origin]
		return nil, fmt.Errorf("it does not import %s, without which its payloads have no origin %s: see %s", needs, f.origin, document)
	}
	offered, err := f.offered(module)
	if err != nil {
		return nil, err
	}
	var instance engines.Instance
	err = Initialise(f.name, setup.Deadline, func() (err error) {
		instance, err = module.Instantiate(ctx, engines.InstanceConfig{
			Name:        setup.Guest,
			Imports:     offered,
			MemoryLimit: limit,
		})
		return err
	})
	switch {
	case errors.Is(err, transport.ErrNoAnswer):
		return nil, err
	case err != nil:
		return nil, f.explain(err)
	}
	f.instance = instance
	for _, want := range []struct {
		name string
		into *export
	}{
		{allocateType.Name, &f.allocateExport},
		{deallocateType.Name, &f.deallocateExport},
		{handler.Name, &f.handleExport},
		{sendType.Name, &f.sendExport},
		{produceType.Name, &f.produceExport},
	} {
		want.into.function, _ = f.instance.Function(want.name)
	}
	f.memory = f.instance.Memory()
	return f, nil
}

// Check says why a guest cannot be a source and a target on an engine: the engine does not
// compile it, or its exports or imports are not as the ABI wants them. Else it says what the guest
// can do beyond that. No guest runs, and nothing is kept.
func Check(ctx context.Context, engineName, guest string) (can Abilities, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("guest %s: %w", guest, err)
		}
	}()
	wasm, err := workloads.Guest(guest)
	if err != nil {
		return can, err
	}
	engine, err := catalogue.New(engineName, catalogue.Options{})
	if err != nil {
		return can, err
	}
	defer engine.Close()
	module, err := engine.Compile(ctx, wasm)
	if err != nil {
		return can, err
	}
	defer module.Close()
	if err := checkExports(module, allocateType, deallocateType, handleType, sendType); err != nil {
		return can, err
	}
	can = abilitiesOf(module)
	f := &Function{name: guest}
	defer f.discard()
	offered, err := f.offered(module)
	if err == nil {
		_, err = engines.Resolve(module.Imports(), offered)
	}
	return can, err
}

// offered returns the host's functions for a module, and those of WASI, which it sets up, if the module needs it.
func (f *Function) offered(module engines.Module) ([]engines.HostFunction, error) {
	offered := f.hostFunctions()
	needsWASI, err := checkImports(module.Imports(), offered)
	if err != nil || !needsWASI {
		return offered, err
	}
	if f.system, err = wasip1.New(wasip1.Config{Arguments: []string{f.name}, Monotonic: measure.Now}); err != nil {
		return nil, fmt.Errorf("set up WASI: %w", err)
	}
	return append(offered, f.system.Functions()...), nil
}

// discard ends what there is of a function.
func (f *Function) discard() error {
	var err error
	if f.instance != nil {
		err = f.instance.Close()
	}
	if f.system != nil {
		err = errors.Join(err, f.system.Close())
	}
	return err
}
