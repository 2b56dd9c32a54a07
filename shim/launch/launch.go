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

// Check says why a transport cannot run on this machine, its shims included.
func Check(t transport.Transport, parameter string) error {
	return errors.Join(t.Check(), For(t.Info()).Check(parameter), shim.ReadResources().Check(t.Info(), 1, 1))
}
