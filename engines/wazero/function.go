package wazero

import (
	"reflect"

	"github.com/tetratelabs/wazero/api"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
)

type function struct {
	instance *instance
	kind     engines.FunctionType
	slots    int
	// narrowResults are the places of 32-bit values. wazero reads of a 32-bit parameter no
	// more than it needs.
	narrowResults []int
	// callees has one wazero function a level of recursion, each with a stack of its own:
	// wazero's are not reentrant.
	callees []callee
	running int
}

func (in *instance) Function(name string) (engines.Function, bool) {
	return in.Find(name, func(kind engines.FunctionType) engines.Function {
		return &function{
			instance:      in,
			kind:          kind,
			slots:         kind.Slots(),
			narrowResults: engines.Narrow(kind.Results),
			callees:       []callee{newCallee(in.guest.ExportedFunction(name))},
		}
	})
}

func (f *function) Type() engines.FunctionType { return f.kind }

func (f *function) Call(stack []uint64) error {
	in := f.instance
	if in.Closed || in.Depth > 0 && in.tooDeep() || len(stack) < f.slots {
		return in.Refuse(&f.kind, len(stack))
	}
	if f.running == len(f.callees) {
		f.callees = append(f.callees, f.newCallee())
	}
	running := f.callees[f.running]
	f.running++
	in.Depth++
	err := running.CallWithStack(&in.calls, stack)
	in.Depth--
	f.running--
	if len(*running.stack) > keptStack {
		f.callees[f.running] = f.newCallee()
	}
	if err != nil {
		return in.explain(f.kind.Name, err)
	}
	crossing.ClearUpperHalves(stack, f.narrowResults)
	return nil
}

func (f *function) newCallee() callee {
	return newCallee(f.instance.guest.ExportedFunction(f.kind.Name))
}

const (
	// keptStack is how much of a stack is kept for the next call, in bytes. A stack grows to
	// some 100 MB below a guest that recurses, and never shrinks.
	keptStack = 1 << 20
	// nestedStacks bounds the stacks of the calls among which another may nest, in bytes.
	nestedStacks = 64 << 20
)

// callee is wazero's function with its stack, which its interface does not show.
type callee struct {
	api.Function
	stack *[]byte
}

func newCallee(function api.Function) callee {
	stack := reflect.ValueOf(function).Elem().FieldByName("stack")
	if !stack.IsValid() {
		// An import that the guest exports is the host's own function.
		return callee{function, new([]byte)}
	}
	return callee{function, (*[]byte)(stack.Addr().UnsafePointer())}
}

// tooDeep reports whether no further call may nest.
func (in *instance) tooDeep() bool {
	stacks := 0
	for _, f := range in.Functions {
		f := f.(*function)
		for _, running := range f.callees[:f.running] {
			stacks += len(*running.stack)
		}
	}
	return in.Depth == engines.MaxDepth || stacks > nestedStacks
}
