package runc

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"rrbench/private"
)

// Leftovers names the containers that runs have left behind which were killed together
// with their runc. Network namespaces, bridges and cables have no names and cannot be left
// behind. Where only the shim or its driver was killed, runc cleans up within a moment.
func Leftovers() []string { return private.AbandonedNames(os.TempDir(), prefix) }

// Clean removes what Leftovers names, and nothing else.
func Clean() error { return private.Clean(os.TempDir(), prefix, remove) }

// remove removes whatever there still is of a container: its processes, control group,
// runc's record and at last the directory, by which the others are found. That nothing is
// there is no error.
func remove(directory *private.Directory) error {
	id := filepath.Base(directory.Path)
	if _, err := os.Stat(filepath.Join(directory.Path, records, id)); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
		defer cancel()
		// Runc may be removing it itself at this moment: what counts is what is left.
		_ = runc(ctx, directory.Path, "delete", "--force", id).Run()
	}
	if err := RemoveGroups(id); err != nil {
		return errors.Join(err, directory.Release())
	}
	return directory.Remove()
}

// RemoveBundle removes a container's directory after its end, when the driver is dead that
// would have done so: runc calls this program for it, by a hook. A directory that is no bundle
// stays.
func RemoveBundle(directory string) error {
	if _, err := os.Stat(filepath.Join(directory, configFile)); err != nil {
		return errors.New("this is no bundle of a container")
	}
	return os.RemoveAll(directory)
}
