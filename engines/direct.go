package engines

// DirectCaller is what a Function implements on an engine that can take a small payload from
// one guest to another without Go code in between: crossing the border between the
// languages costs more than all the rest of such a hand-off.
type DirectCaller interface {
	// DirectCall prepares calls of this function, which takes a pointer and a length and returns a
	// status, during which the guest's call of a host function of the same signature is
	// answered by handler, which takes a pointer and a length too and returns 64 bits. It
	// belongs to another instance of the same engine. The result is nil where any of that is
	// not so. It must not be used after either instance was closed.
	DirectCall(module, name string, handler Function) DirectCall
}

// DirectCall calls a function whose call of the host is answered by another guest. One
// goroutine at a time may use it, with both instances.
type DirectCall interface {
	// Call is Function.Call with pointer and length. When the guest calls the host function
	// with the same two numbers for the first time, these bytes of its memory are copied to
	// place in the handler's memory, the handler is called with place and length, and the host
	// function returns 0, or failed when the handler did not return. Any other call of the
	// host arrives where it always does, and so does this one if one of the two ranges is not
	// inside its memory. status and err are those of the function; the answer is valid until
	// the next Call.
	Call(pointer, length, place, failed uint32, answer *Answer) (status uint64, err error)
	// Answered reports whether the handler has been called, during Call or after it.
	Answered() bool
	// Cancel lets Go alone answer the host function of a running Call.
	Cancel()
	// Clock reads the clock of an answer's moments now, as the engine does.
	Clock() int64
}

// Answer is what a handler made of what it was given.
type Answer struct {
	// Copied and Returned are moments of CLOCK_MONOTONIC in nanoseconds, clock_gettime(2):
	// the payload is in place and the handler about to be entered, and it has returned.
	Copied, Returned int64
	// Result is the handler's if Err is nil, which is as for Function.Call.
	Result uint64
	Err    error
}
