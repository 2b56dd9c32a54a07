package crossovers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rrbench/inputs"
	"rrbench/transport"
)

// Variable is the environment variable that names the file to use, or transport.BuiltIn.
const Variable = "RRBENCH_CROSSOVERS"

// DefaultPath is where the file is unless Variable says otherwise.
func DefaultPath() (string, error) {
	directory, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("crossovers: %w; or name a file with --out and %s", err, Variable)
	}
	return filepath.Join(directory, "rrbench", "crossovers.json"), nil
}

// Choice is which crossovers are in use. The zero Choice is what is built in.
type Choice struct {
	Path string
	// Warning is why a file that is there is not used, one line; empty when all is well.
	Warning string
	// Source is the file that is used, nil when what is built in is.
	Source *inputs.File
	file   *File
}

// Choose looks for the file. One that cannot be used is an error where the user has named it, else a warning.
func Choose(ctx context.Context) (Choice, error) {
	path := os.Getenv(Variable)
	named := path != ""
	if path == transport.BuiltIn {
		return Choice{}, nil
	}
	if !named {
		var err error
		if path, err = DefaultPath(); err != nil {
			// Without a home there is no file in it.
			return Choice{}, nil
		}
	}
	c := Choice{Path: path}
	file, source, err := Read(ctx, path)
	switch {
	case err != nil && named:
		return Choice{}, fmt.Errorf("%w (%s; %s=%s uses none)", err, Variable, Variable, transport.BuiltIn)
	case errors.Is(err, fs.ErrNotExist):
		return Choice{}, nil
	case err != nil:
		c.Warning = err.Error() + "; the built-in ones are used"
	default:
		if property, theirs, ours := ThisMachine().Differs(file.Machine); property != "" {
			c.Warning = fmt.Sprintf("crossovers: %s was measured on another machine (%s %s there, %s here): the built-in ones are used; rrbench tune measures this one", path, property, theirs, ours)
		} else {
			c.file, c.Source = file, source
		}
	}
	return c, nil
}

// InUse is the crossover in bytes of a transport that has one, and where it comes from.
func (c Choice) InUse(of transport.Info, engine string) (from int64, origin string) {
	if c.file != nil {
		if found, ok := c.file.find(of.Name, engine); ok {
			return int64(found.From), c.Origin()
		}
	}
	return of.Crossover().Default, builtIn
}

const builtIn = "built in"

// Origin says where the crossovers come from, but for those that the file does not have.
func (c Choice) Origin() string {
	if c.file == nil {
		return builtIn
	}
	return fmt.Sprintf("measured on %s, %s", c.file.Measured.Format(time.DateOnly), c.Path)
}

// Measured says that a file is used.
func (c Choice) Measured() bool { return c.file != nil }
