package redis

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// directory is a temporary directory that is known to be abandoned when its process has
// ended: while it is in use, a file in it is locked (flock(2)).
type directory struct {
	path string
	lock *os.File
}

const (
	directoryPattern = "rrbench-redis-*"
	lockName         = "lock"
)

// newDirectory makes a directory, and removes those that processes have left behind that
// were killed.
func newDirectory(parent string) (*directory, error) {
	removeAbandoned(parent)
	path, err := os.MkdirTemp(parent, directoryPattern)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path}
	// The lock gets its name when it is held, so nobody finds it free before.
	nameless := filepath.Join(path, "new")
	if d.lock, err = os.OpenFile(nameless, os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		err = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		err = os.Rename(nameless, filepath.Join(path, lockName))
	}
	if err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func (d *directory) remove() error {
	err := os.RemoveAll(d.path)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// removeAbandoned removes what it can: what it cannot belongs to another user.
func removeAbandoned(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, directoryPattern, lockName))
	for _, path := range locks {
		lock, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = lock.Close()
	}
}
