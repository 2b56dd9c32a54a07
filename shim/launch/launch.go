// Package launch lists the launchers: one line each.
package launch

import (
	"errors"

	"rrbench/engines/catalogue"
	"rrbench/shim"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// For finds what starts the shims of a transport.
func For(info transport.Info) shim.Launcher {
	switch info.Launcher {
	case transport.LauncherRunc:
		return runc.Launcher{}
	case transport.LauncherEngines:
		return second{}
	}
	return shim.Child{}
}

// With is the transport's info with the launcher that it takes for functions on an engine.
func With(info transport.Info, engine string) transport.Info {
	if info.Runs == transport.Wasm && info.Launcher != transport.LauncherRunc && catalogue.Program(engine) != "" {
		info.Launcher = transport.LauncherEngines
	}
	return info
}

// second starts shims by the second program.
type second struct{ shim.Child }

func (second) Check(string) error { return catalogue.CheckSecond() }

func (second) Programs() []string { return []string{catalogue.SecondPath()} }

func (second) Prepare(string) (shim.Pod, error) {
	return shim.Child{Program: catalogue.SecondPath()}, nil
}

// Across is the parameter of a transport whose targets are on other hosts, given the user's, or why
// that cannot be.
func Across(info transport.Info, parameter string) (string, error) {
	if info.Launcher != transport.LauncherRunc {
		return parameter, nil
	}
	if parameter == string(runc.Bridge) {
		return "", errors.New("a bridge between containers does not leave its host: use --container-net host")
	}
	return string(runc.Host), nil
}

// Check says why a transport cannot run on this machine, its shims included.
func Check(t transport.Transport, parameter string) error {
	return errors.Join(t.Check(), For(t.Info()).Check(parameter), shim.ReadResources().Check(t.Info(), 1, 1))
}
