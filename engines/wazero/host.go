package wazero

import (
	"context"
	"errors"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"rrbench/engines/internal/crossing"
)

// errHost unwinds a guest after a host function failed; the reason is in Guest.Failure.
var errHost = errors.New("host function failed")

// trampoline is the way out of a guest to one of the module's imports, for all instances: a
// host function finds the instance that called it in the context of the call. Its error, and
// its panic, unwind the guest by a panic that wazero catches at the entrance of the call.
func trampoline(index int) api.GoFunc {
	return func(ctx context.Context, stack []uint64) {
		in := ctx.(*callContext).instance
		h := &in.Hosts[index]
		crossing.ClearUpperHalves(stack, h.NarrowParams)
		if err := h.Handler(in, stack); err != nil {
			in.Failure = h.Failure(err)
			panic(errHost)
		}
	}
}

// explain makes the error of a call out of wazero's, whose text has several lines.
func (in *instance) explain(function string, err error) error {
	line := strings.TrimPrefix(firstLine(err), "wasm error: ")
	if cause, recovered := strings.CutSuffix(line, " (recovered by wazero)"); recovered {
		line = "panic in a host function: " + cause
	}
	return in.Ended(function, line)
}
