package container

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/containerd/go-runc"
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

// lastWords makes a file a container's standard output and error.
type lastWords struct{ file *os.File }

var _ runc.IO = lastWords{}

func (w lastWords) Set(command *exec.Cmd) { command.Stdout, command.Stderr = w.file, w.file }

func (lastWords) Stdin() io.WriteCloser { return nil }
func (lastWords) Stdout() io.ReadCloser { return nil }
func (lastWords) Stderr() io.ReadCloser { return nil }
func (lastWords) Close() error          { return nil }
