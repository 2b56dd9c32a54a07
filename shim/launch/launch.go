// Package launch lists the launchers: one line each.
package launch

import (
	"errors"

	"rrbench/shim"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// For finds what starts the shims of a transport.
func For(info transport.Info) shim.Launcher {
	if info.Launcher == transport.LauncherRunc {
		return runc.Launcher{}
	}
	return shim.Child{}
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
