// Package private guards directories that lie where other users can write, as in /tmp,
// against what those have planted there.
package private

import (
	"fmt"
	"os"
	"syscall"
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
		err = check(path, info)
	}
	if err != nil {
		_ = directory.Close()
		return nil, err
	}
	return directory, nil
}

func check(path string, info os.FileInfo) error {
	if owner, own := info.Sys().(*syscall.Stat_t).Uid, os.Geteuid(); int(owner) != own {
		return fmt.Errorf("%s belongs to user %d, this process to user %d: remove it", path, owner, own)
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 {
		return fmt.Errorf("other users can write to %s (%v): remove it", path, mode)
	}
	return nil
}
