//go:build !linux

package child

import (
	"errors"
	"os/exec"
)

// Supported says whether Start works on this system.
const Supported = false

// Start needs Linux.
func Start(*exec.Cmd) error {
	return errors.New("a process that ends with this one needs Linux")
}
