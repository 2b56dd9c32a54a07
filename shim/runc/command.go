package runc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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

// records is where, in a container's directory, runc keeps its own records: its option --root.
const records = "records"

// runc calls runc for the container in that directory.
func runc(ctx context.Context, directory string, arguments ...string) *exec.Cmd {
	path, _ := findRunc()
	command := exec.CommandContext(ctx, path, append([]string{"--root", filepath.Join(directory, records)}, arguments...)...)
	// Without the variable by which systemd asks services to report to it: runc would wait for that.
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	// A Ctrl-C at the terminal is for the driver alone: it ends its containers in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}
