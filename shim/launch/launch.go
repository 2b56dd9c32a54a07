// Package launch lists the launchers: one line each.
package launch

import (
	"cmp"
	"errors"
	"fmt"

	"rrbench/engines/catalogue"
	"rrbench/shim"
	"rrbench/shim/containerd"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// Names are the launchers that a user may ask for.
var Names = []string{transport.LauncherProcess, transport.LauncherRunc, transport.LauncherContainerd}

// Launchers are those of one program. Close ends what they share.
type Launchers struct {
	// Containerd starts containers of containerd.
	Containerd *containerd.Server
}

// New makes the launchers. Without the socket of a containerd they start one of their own when it is
// needed.
func New(socket string) *Launchers { return &Launchers{containerd.NewServer(socket)} }

// For returns the launcher of a transport.
func (l *Launchers) For(info transport.Info) shim.Launcher {
	switch info.Launcher {
	case transport.LauncherRunc:
		return runc.Launcher{}
	case transport.LauncherContainerd:
		if info.Parameter.Starts() {
			return containerd.Function{Server: l.Containerd, Module: info.Parameter.Function}
		}
		return containerd.Launcher{Server: l.Containerd, Native: info.Runs == transport.Native}
	case transport.LauncherEngines:
		return second{shim.Child{Program: catalogue.SecondPath()}}
	}
	return shim.Child{}
}

// Close ends the containerd that was started.
func (l *Launchers) Close() error { return l.Containerd.Close() }

// For returns the launcher of a transport, without a containerd.
func For(info transport.Info) shim.Launcher { return new(Launchers).For(info) }

// Own is the name of the launcher that a transport has by default.
func Own(info transport.Info) string { return cmp.Or(info.Launcher, transport.LauncherProcess) }

// By returns the Info of a transport whose shims, of functions on an engine, that launcher starts, or an error where
// it cannot; an empty name stands for the transport's own.
func By(info transport.Info, launcher, engine string) (transport.Info, error) {
	own := Own(info)
	second := info.Runs == transport.Wasm && catalogue.Program(engine) != ""
	switch {
	case second && launcher == transport.LauncherContainerd:
		return info, fmt.Errorf("engine %s is in a program that no container runs: give --launcher %s", engine, own)
	case launcher != "" && launcher != own:
	case second:
		info.Launcher = transport.LauncherEngines
		return info, nil
	default:
		return info, nil
	}
	info.Launcher = launcher
	inContainers := own == transport.LauncherRunc
	switch {
	case launcher == transport.LauncherContainerd && info.Parameter.Starts():
		info.Codecs = []transport.Codec{transport.Raw}
		return info, nil
	case launcher == transport.LauncherContainerd && (inContainers || info.Runs == transport.Wasm && info.Family != transport.Redis):
		return info, nil
	case inContainers:
		return info, fmt.Errorf("%s is between containers: give --launcher runc or containerd, or measure http/native", info.Name)
	case launcher == transport.LauncherContainerd:
		return info, fmt.Errorf("containerd starts user/*, kernel/*, network/*, http/wasi, http/container and, with --containerd-runtime, http/external, not %s: give --launcher %s", info.Name, own)
	}
	return info, fmt.Errorf("%s starts http/container alone, not %s: give --launcher %s", launcher, info.Name, own)
}

// second starts shims by the second program.
type second struct{ shim.Child }

func (second) Check(string) error { return catalogue.CheckSecond() }

// Across is the parameter of a transport whose targets are on other hosts, given the user's, or an error where
// that is not possible.
func Across(info transport.Info, parameter string) (string, error) {
	switch info.Launcher {
	case transport.LauncherContainerd:
		return "", errors.New("agents start no containerd: give --launcher process or runc between nodes")
	case transport.LauncherRunc:
		if parameter == string(runc.Bridge) {
			return "", errors.New("a bridge between containers does not leave its host: use --container-net host")
		}
		return string(runc.Host), nil
	}
	return parameter, nil
}

// Check returns why a transport, or its shims, cannot run on this machine, or nil.
func Check(t transport.Transport, parameter string) error {
	return errors.Join(t.Check(), For(t.Info()).Check(parameter), shim.ReadResources().Check(t.Info(), 1, 1))
}
