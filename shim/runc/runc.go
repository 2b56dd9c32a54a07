package runc

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// runcPlaces are PATH and where plain users' PATH often does not look.
var runcPlaces = []string{"runc", "/usr/local/sbin/runc", "/usr/sbin/runc", "/sbin/runc"}

func findRunc() (string, error) {
	for _, name := range runcPlaces {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New("runc is not installed")
}
