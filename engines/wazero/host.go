package wazero

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"rrbench/engines"
)

// host is a host function as an instance calls it.
type host struct {
	handler      func(caller engines.Instance, stack []uint64) error
	narrowParams []int
	path         string
}

func makeHosts(resolved []engines.HostFunction) []host {
	hosts := make([]host, len(resolved))
	for i, function := range resolved {
		hosts[i] = host{
			handler:      function.Handler,
			narrowParams: engines.Narrow(function.Params),
			path:         function.Module + "." + function.Name,
		}
	}
	return hosts
}

// errHost unwinds a guest after a host function failed; the reason is in instance.failure.
var errHost = errors.New("host function failed")

// trampoline is the way out of a guest to one of the module's imports, for all instances: a
// host function finds the instance that called it in the context of the call. Its error, and
// its panic, unwind the guest by a panic that wazero catches at the entrance of the call.
func trampoline(index int) api.GoFunc {
	return func(ctx context.Context, stack []uint64) {
		in := ctx.(*callContext).instance
		h := &in.hosts[index]
		clearUpperHalves(stack, h.narrowParams)
		if err := h.handler(in, stack); err != nil {
			in.unwind(h, err)
		}
	}
}

func (in *instance) unwind(h *host, err error) {
	in.failure = err
	if _, exit := err.(*engines.Exit); !exit {
		in.failure = fmt.Errorf("host function %s: %w", h.path, err)
	}
	panic(errHost)
}

// explain makes the error of a call out of wazero's, whose text has several lines.
func (in *instance) explain(function string, err error) error {
	failure := in.failure
	in.failure = nil
	if failure != nil {
		if _, exit := failure.(*engines.Exit); exit {
			return failure
		}
		return &engines.Trap{Function: function, Cause: failure}
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return &engines.Exit{Status: exit.ExitCode()}
	}
	return &engines.Trap{Function: function, Cause: &summary{err}}
}

// summary is an error with the first line of another's text, which Unwrap gives whole,
// the guest's stack included.
type summary struct{ whole error }

func (s *summary) Unwrap() error { return s.whole }

func (s *summary) Error() string {
	line := strings.TrimPrefix(firstLine(s.whole), "wasm error: ")
	if cause, recovered := strings.CutSuffix(line, " (recovered by wazero)"); recovered {
		return "panic in a host function: " + cause
	}
	return line
}
