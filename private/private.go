// Package private guards directories that lie where other users can write, as in /tmp,
// against what those have planted there.
package private

import (
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Make makes a directory, with its parents, or takes the one that is there if Open does.
func Make(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	directory, err := Open(path)
	if err != nil {
		return err
	}
	return directory.Close()
}

// Open opens a directory that belongs to this user and that no other can write to. It does
// not follow a symbolic link.
func Open(path string) (*os.File, error) {
	directory, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := directory.Stat()
	if err == nil {
		if owner, own := info.Sys().(*syscall.Stat_t).Uid, os.Geteuid(); int(owner) != own {
			err = fmt.Errorf("%s belongs to user %d, this process to user %d: remove it", path, owner, own)
		} else if mode := info.Mode(); mode.Perm()&0o022 != 0 {
			err = fmt.Errorf("other users can write to %s (%v): remove it", path, mode)
		}
	}
	if err != nil {
		_ = directory.Close()
		return nil, err
	}
	return directory, nil
}

// Directory is one that is known to be abandoned when its process has ended, however that
// ended: it is locked (flock(2)) while it is in use.
type Directory struct {
	Path string
	lock *os.File
}

// NewDirectory makes a directory whose name begins with the prefix.
func NewDirectory(parent, prefix string) (*Directory, error) {
	nameless, err := os.MkdirTemp(parent, "rrbench-new-")
	if err != nil {
		return nil, err
	}
	// It gets its name when it is locked, so that no other process takes it for abandoned.
	d := &Directory{Path: filepath.Join(parent, prefix+rand.Text()[:12])}
	if d.lock, err = lock(nameless); err == nil {
		err = os.Rename(nameless, d.Path)
	}
	if err != nil {
		_ = d.lock.Close()
		return nil, errors.Join(err, os.RemoveAll(nameless))
	}
	return d, nil
}

// ShortParents are where directories for Unix sockets may lie, the best place first. The paths are
// absolute and short, as $TMPDIR need not be: a socket's has 107 bytes at most (unix(7)).
func ShortParents() []string { return []string{fmt.Sprintf("/run/user/%d", os.Geteuid()), "/tmp"} }

// NewDirectoryIn makes a directory in the first of the parents where that is possible, and
// removes what killed processes have left there of that prefix.
func NewDirectoryIn(parents []string, prefix string) (*Directory, error) {
	var errs []error
	for _, parent := range parents {
		for abandoned := range Abandoned(parent, prefix) {
			_ = abandoned.Remove()
		}
		made, err := NewDirectory(parent, prefix)
		if err == nil {
			return made, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// Remove removes the directory with all that is in it.
func (d *Directory) Remove() error { return errors.Join(os.RemoveAll(d.Path), d.lock.Close()) }

// Release leaves the directory behind: it counts as abandoned.
func (d *Directory) Release() error { return d.lock.Close() }

// Abandoned are this user's directories of that prefix that killed processes have left. Each stays
// locked until the next; what is not removed stays.
func Abandoned(parent, prefix string) iter.Seq[*Directory] {
	return func(yield func(*Directory) bool) {
		paths, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
		for _, path := range paths {
			held, err := lock(path)
			if err != nil {
				continue
			}
			goOn := yield(&Directory{path, held})
			_ = held.Close()
			if !goOn {
				return
			}
		}
	}
}

// AbandonedNames are the names of these directories.
func AbandonedNames(parent, prefix string) (names []string) {
	for directory := range Abandoned(parent, prefix) {
		names = append(names, filepath.Base(directory.Path))
	}
	return names
}

// Clean calls remove for each of these directories, also where it failed for another.
func Clean(parent, prefix string, remove func(*Directory) error) error {
	var errs []error
	for directory := range Abandoned(parent, prefix) {
		errs = append(errs, remove(directory))
	}
	return errors.Join(errs...)
}

func lock(path string) (*os.File, error) {
	directory, err := Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return directory, nil
}
