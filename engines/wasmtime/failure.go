//go:build cgo && !wasmer

package wasmtime

// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"rrbench/engines"
	"rrbench/engines/internal/crossing"
	"rrbench/foreign"
)

// explain makes the error of a call out of what Wasmtime returned, and frees that.
func (in *instance) explain(function string, outcome C.outcome) error {
	if outcome.error != nil {
		message := takeMessage(C.error_message(outcome.error))
		if failure := in.takeFailure(function); failure != nil {
			return failure
		}
		return &engines.Trap{Function: function, Cause: errors.New(oneLine(message))}
	}
	var code C.int
	message := takeMessage(C.trap_message(outcome.trap, &code))
	if failure := in.takeFailure(function); failure != nil {
		return failure
	}
	return &engines.Trap{Function: function, Cause: trapCause(int(code), message)}
}

// takeFailure returns what a host function ended the call with, or nil.
func (in *instance) takeFailure(function string) error {
	failure := in.failure
	in.failure = nil
	if failure == nil {
		return nil
	}
	return crossing.Ended(function, failure)
}

// explainInstantiation does as explain for what wasmtime-go returned.
func (in *instance) explainInstantiation(err error, limit uint64) error {
	const function = "the start function"
	if failure := in.takeFailure(function); failure != nil {
		return failure
	}
	var trap *wasmtime.Trap
	if !errors.As(err, &trap) {
		return instantiationCause(err.Error(), limit)
	}
	code := -1
	if known := trap.Code(); known != nil {
		code = int(*known)
	}
	return &engines.Trap{Function: function, Cause: trapCause(code, trap.Message())}
}

// instantiationCause recognises the limiter's refusal of a memory that is not exported, so
// that its size was not known beforehand.
func instantiationCause(message string, limit uint64) error {
	var pages uint64
	if _, err := fmt.Sscanf(message, "memory minimum size of %d pages exceeds memory limits", &pages); err == nil {
		return &engines.MemoryTooLarge{Wanted: pages * engines.PageSize, Limit: limit}
	}
	return errors.New(oneLine(message))
}

// oneLine joins the lines of Wasmtime's explanations and drops Wasmtime's own stack.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\n\nStack backtrace:")
	return foreign.Line(text, foreign.Usual)
}

// causes are the traps that guests run into, by wasmtime_trap_code_enum, in the words that
// the other engines have for them.
var causes = map[int]string{
	0: "stack overflow",
	1: "out of bounds memory access",
	3: "out of bounds table access",
	4: "indirect call to null",
	5: "indirect call type mismatch",
	6: "integer overflow",
	7: "integer divide by zero",
	8: "invalid conversion to integer",
	9: "unreachable",
}

// trapCause names a trap in one line; Unwrap gives Wasmtime's own text, the guest's stack
// included.
func trapCause(code int, message string) error {
	line, known := causes[code]
	if !known {
		line = oneLine(message)
	}
	return &summary{line, errors.New(message)}
}

type summary struct {
	line  string
	whole error
}

func (s *summary) Error() string { return s.line }
func (s *summary) Unwrap() error { return s.whole }

func takeMessage(message C.wasm_byte_vec_t) string {
	text := C.GoStringN(message.data, C.int(message.size))
	C.message_delete(message)
	return strings.TrimRight(text, "\x00")
}
