//go:build cgo && linux

package bridge

// #include "bridge.h"
import "C"

import (
	"fmt"
	"unsafe"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
)

// directCall is C memory, freed with the instance of the function that it calls.
type directCall struct {
	function, handler *function
	// shared is for the bridge; handle is the same as an integer, which passes cgo unexamined.
	shared *C.direct_call
	handle C.uintptr_t
}

var _ engines.DirectCaller = (*function)(nil)

func (f *function) DirectCall(module, name string, handler engines.Function) engines.DirectCall {
	in := f.instance
	to, ok := handler.(*function)
	if !ok || in.Closed || to.instance.Closed || in == to.instance || in.Memory() == nil || to.instance.Memory() == nil ||
		in.module.engine.backend != to.instance.module.engine.backend {
		return nil
	}
	index := crossing.Direct(in.Hosts, module, name, f.kind, to.kind)
	if index < 0 {
		return nil
	}
	shared := C.bridge_direct_call_new(f.guest, C.uint32_t(index), f.callee, to.guest, to.callee)
	if shared == nil {
		return nil
	}
	in.directCalls = append(in.directCalls, shared)
	return &directCall{function: f, handler: to, shared: shared, handle: C.uintptr_t(uintptr(unsafe.Pointer(shared)))}
}

func (r *directCall) Call(pointer, length, place, failed uint32, answer *engines.Answer) (status uint64, err error) {
	in, to := r.function.instance, r.handler.instance
	*answer = engines.Answer{}
	if in.Closed || to.Closed {
		return 0, fmt.Errorf("call %s in %s: it or %s is closed", r.function.kind.Name, in.Name, to.Name)
	}
	if in.Depth == engines.MaxDepth || to.Depth == engines.MaxDepth {
		return 0, &engines.Trap{Function: r.function.kind.Name, Cause: engines.ErrTooDeep}
	}
	in.Depth++
	to.Depth++
	message := C.bridge_direct_call_run(r.handle, C.uint32_t(pointer), C.uint32_t(length), C.uint32_t(place), C.uint32_t(failed))
	to.Depth--
	in.Depth--
	shared := r.shared
	if shared.answered {
		answer.Copied, answer.Returned, answer.Result = int64(shared.copied), int64(shared.returned), uint64(shared.result)
		if shared.error != nil {
			answer.Err = to.explain(r.handler.kind.Name, shared.error)
		}
	}
	if message != nil {
		return 0, in.explain(r.function.kind.Name, message)
	}
	return uint64(shared.status), nil
}

func (r *directCall) Answered() bool { return bool(r.shared.answered) }

func (r *directCall) Cancel() { r.shared.from.answering = nil }

func (r *directCall) Clock() int64 { return int64(C.bridge_direct_call_clock()) }
