// Rrbench-function is a native function on its own: the program of the containers of
// http/container. It is built without cgo, so that it runs in a root file system in which
// there is nothing else.
//
// A shim starts it with a control connection, and tells it there what to be. It ends when
// that connection does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rrbench/baselines/container/control"
	"rrbench/baselines/http"
	"rrbench/payloads"
	"rrbench/transport"
)

func main() {
	run := answer
	if len(os.Args) == 3 && os.Args[1] == control.RemoveBundle {
		run = removeBundle
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rrbench-function:", err)
		os.Exit(1)
	}
}

// answer is the function.
func answer() error {
	shim, err := control.Inherited()
	if err != nil {
		return err
	}
	if err := shim.Answer(&function{}); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// removeBundle is the hook by which runc removes what it has not made itself, when the
// shim is dead that would have done so. A directory that is no bundle stays.
func removeBundle() error {
	bundle := os.Args[2]
	if _, err := os.Stat(filepath.Join(bundle, "config.json")); err != nil {
		return err
	}
	return os.RemoveAll(bundle)
}

// function is one half of http/native: a target or a source.
type function struct {
	transport.Route
	target transport.Target
}

func (f *function) Begin(request control.Begin) (begun control.Begun, err error) {
	native := http.Native{Listen: request.Listen}
	begun.Revision = control.Revision()
	if request.Listen != "" {
		if f.target, err = native.Serve(context.Background(), request.Setup); err != nil {
			return begun, err
		}
		begun.Endpoint = f.target.Endpoint()
		return begun, nil
	}
	for i := range request.Targets {
		request.Targets[i].Transport = native.Info().Name
	}
	f.Route, err = native.Open(context.Background(), request.Setup, request.Targets)
	return begun, err
}

var errNoSource = errors.New("this function is a target and sends nothing")

func (f *function) Prepare(spec payloads.Spec) (uint64, error) {
	if f.Route == nil {
		return 0, errNoSource
	}
	return f.Route.Prepare(spec)
}

func (f *function) Send(handoff *transport.Handoff) error {
	if f.Route == nil {
		return errNoSource
	}
	return f.Route.Send(handoff)
}
