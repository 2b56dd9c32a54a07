package modes

import (
	"context"
	"errors"
	"testing"

	"rrbench/engines"
	"rrbench/transport"
)

// fakeGuest is a guest in Go: its exports are fields, and tests call the host's functions
// as the guest would, at any moment and with any argument.
type fakeGuest struct {
	memory   []byte
	allocate func(length uint32) uint32
	free     func(pointer, length uint32)
	handle   func(pointer, length uint32) uint64
	send     func(pointer, length uint32) Status
	produce  func(length uint32, seed uint64) uint32
	// failure ends the call under way with an error.
	failure error
	imports []engines.HostFunction
}

type fakeModule struct{ guest *fakeGuest }

func (m fakeModule) Imports() []engines.FunctionType { return nil }
func (m fakeModule) Exports() []engines.FunctionType {
	return []engines.FunctionType{allocateType, deallocateType, handleType, sendType}
}
func (m fakeModule) ExportsMemory() bool { return true }
func (m fakeModule) Instantiate(_ context.Context, config engines.InstanceConfig) (engines.Instance, error) {
	m.guest.imports = config.Imports
	return fakeInstance(m), nil
}
func (m fakeModule) Close() error { return nil }

type fakeInstance struct{ guest *fakeGuest }

func (i fakeInstance) Function(name string) (engines.Function, bool) {
	return fakeFunction{i.guest, name}, true
}
func (i fakeInstance) Memory() engines.Memory { return fakeMemory(i) }
func (i fakeInstance) Close() error           { return nil }

type fakeMemory struct{ guest *fakeGuest }

func (m fakeMemory) Bytes() []byte { return m.guest.memory }
func (m fakeMemory) Size() uint64  { return uint64(len(m.guest.memory)) }

type fakeFunction struct {
	guest *fakeGuest
	name  string
}

func (f fakeFunction) Type() engines.FunctionType { return engines.FunctionType{Name: f.name} }

func (f fakeFunction) Call(stack []uint64) error {
	a, b := uint32(stack[0]), uint32(stack[1])
	switch f.name {
	case allocateType.Name:
		stack[0] = uint64(f.guest.allocate(a))
	case deallocateType.Name:
		f.guest.free(a, b)
	case handleType.Name:
		stack[0] = f.guest.handle(a, b)
	case produceType.Name:
		stack[0] = uint64(f.guest.produce(a, stack[1]))
	case sendType.Name:
		stack[0] = uint64(uint32(f.guest.send(a, b)))
	}
	return f.guest.failure
}

// call is the guest calling its host.
func (g *fakeGuest) call(tb testing.TB, name string, arguments ...uint32) Status {
	tb.Helper()
	for _, offered := range g.imports {
		if offered.Name != name {
			continue
		}
		if len(arguments) != len(offered.Params) {
			tb.Fatalf("%s takes %d arguments", name, len(offered.Params))
		}
		stack := make([]uint64, max(len(arguments), 1))
		for i, argument := range arguments {
			stack[i] = uint64(argument)
		}
		if err := offered.Handler(nil, stack); err != nil {
			g.failure = err
		}
		if stack[0]>>32 != 0 {
			tb.Errorf("%s leaves %#x in the upper half of its result", name, stack[0]>>32)
		}
		return Status(int32(stack[0]))
	}
	tb.Fatalf("the host offers no %s", name)
	return 0
}

const fakeMemorySize = 1 << 16

// newFake makes a guest that allocates upwards from 1024 and counts what it is asked to free.
func newFake(tb testing.TB, send Sender) (*fakeGuest, *Function) {
	tb.Helper()
	next := uint32(1024)
	guest := &fakeGuest{memory: make([]byte, fakeMemorySize)}
	guest.allocate = func(length uint32) uint32 {
		pointer := next
		next += length
		return pointer
	}
	guest.free = func(uint32, uint32) {}
	guest.handle = func(pointer, length uint32) uint64 { return uint64(pointer) + uint64(length) }
	guest.send = func(pointer, length uint32) Status { return guest.call(tb, "send_to_host", pointer, length) }
	function, err := instantiate(context.Background(), fakeModule{guest}, transport.Setup{Guest: "fake"}, most, send)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { function.Close() })
	return guest, function
}

func mustAllocate(tb testing.TB, f *Function, n uint32) *Region {
	tb.Helper()
	region, err := f.Allocate(n)
	if err != nil {
		tb.Fatal(err)
	}
	return region
}

// inUse counts the regions that are not idle.
func (f *Function) inUse() int {
	if f.idle != nil {
		return len(f.regions.live) - 1
	}
	return len(f.regions.live)
}

var errFake = errors.New("invented failure")
