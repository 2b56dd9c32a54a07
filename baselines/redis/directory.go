package redis

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"rrbench/private"
)

// directory is a temporary directory that is known to be abandoned when its process has
// ended: it is locked (flock(2)) while it is in use.
type directory struct {
	path string
	lock *os.File
}

// directoryPrefix is what the names of locked directories begin with.
const directoryPrefix = "rrbench-redis-"

// newDirectory makes a directory, and removes those of processes that were killed.
func newDirectory(parent string) (*directory, error) {
	removeAbandoned(parent)
	nameless, err := os.MkdirTemp(parent, "rrbench-new-")
	if err != nil {
		return nil, err
	}
	// It gets its name when it is locked: no other process takes it for abandoned.
	d := &directory{path: filepath.Join(parent, directoryPrefix+rand.Text()[:12])}
	if d.lock, err = lock(nameless); err == nil {
		err = os.Rename(nameless, d.path)
	}
	if err != nil {
		_ = d.lock.Close()
		return nil, errors.Join(err, os.RemoveAll(nameless))
	}
	return d, nil
}

func (d *directory) remove() error { return errors.Join(os.RemoveAll(d.path), d.lock.Close()) }

// lock locks a directory of this user that is not in use.
func lock(path string) (*os.File, error) {
	directory, err := private.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return directory, nil
}

func removeAbandoned(parent string) {
	paths, _ := filepath.Glob(filepath.Join(parent, directoryPrefix+"*"))
	for _, path := range paths {
		if held, err := lock(path); err == nil {
			_ = os.RemoveAll(path)
			_ = held.Close()
		}
	}
}
