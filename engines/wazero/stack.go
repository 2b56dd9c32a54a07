package wazero

import (
	"reflect"

	"github.com/tetratelabs/wazero/api"

	"rrbench/engines"
)

const (
	// keptStack is how much of a stack is kept for the next call, in bytes. A stack grows to
	// some 100 MB below a guest that recurses, and never shrinks.
	keptStack = 1 << 20
	// nestedStacks bounds the stacks of the calls among which another may nest, in bytes.
	nestedStacks = 64 << 20
)

// callee is wazero's function with the stack of its own, of which its interface says
// nothing.
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

// tooDeep says that no further call may nest.
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
