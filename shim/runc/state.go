package runc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rrbench/private"
)

// state is the directory in which containers keep what must be found by other processes:
// their bundles, and runc's own records. It lies in memory and is empty while no container
// runs.
type state string

// stateOf is the directory for root, or for one user without privileges.
func stateOf(euid int) state {
	if euid == 0 {
		return "/run/rrbench"
	}
	if directory := os.Getenv("XDG_RUNTIME_DIR"); directory != "" {
		return state(filepath.Join(directory, "rrbench"))
	}
	return state(filepath.Join(os.TempDir(), fmt.Sprintf("rrbench-%d", euid)))
}

func (s state) bundles() string { return filepath.Join(string(s), "bundles") }

func (s state) bundle(id string) string { return filepath.Join(s.bundles(), id) }

// runc is the value of runc's option --root.
func (s state) runc() string { return filepath.Join(string(s), "runc") }

// make makes the directory, and refuses one that another user could write to.
func (s state) make() error {
	for _, directory := range []string{string(s), s.runc(), s.bundles()} {
		if err := private.Make(directory); err != nil {
			return fmt.Errorf("make the directory for containers: %w", err)
		}
	}
	return nil
}

// ours says whether the directory is there and no other user has made it.
func (s state) ours() bool {
	directory, err := private.Open(string(s))
	_ = directory.Close()
	return err == nil
}

// ids lists the containers that have a bundle or a record here.
func (s state) ids() []string {
	if !s.ours() {
		return nil
	}
	var ids []string
	for _, directory := range []string{s.bundles(), s.runc()} {
		entries, _ := os.ReadDir(directory)
		for _, entry := range entries {
			ids = append(ids, entry.Name())
		}
	}
	return ids
}

// removeEmpty removes the directory when nothing is in it.
func (s state) removeEmpty() {
	if !s.ours() {
		return
	}
	for _, directory := range []string{s.runc(), s.bundles(), string(s)} {
		if err := os.Remove(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}
