package runc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/go-runc"
)

// Leftovers names the containers that runs have left behind which were killed together
// with their runc: those with a bundle, a record or a control group whose owner is dead.
// Network namespaces, bridges and cables have no names and cannot be left behind. Where
// only the shim or its driver was killed, runc cleans up within a moment.
func Leftovers() []string {
	ids := append(stateOf(os.Geteuid()).ids(), groups()...)
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool {
		owner, ours := ownerOf(id)
		return !ours || owner.alive()
	})
}

// Clean removes what Leftovers names, and nothing else.
func Clean() error {
	state := stateOf(os.Geteuid())
	var errs []error
	for _, id := range Leftovers() {
		errs = append(errs, removeRemains(state, id))
	}
	state.removeEmpty()
	return errors.Join(errs...)
}

// removeRemains removes whatever there still is of a container: its processes, control
// group, runc's record and bundle. That nothing is there is no error.
func removeRemains(state state, id string) error {
	var errs []error
	record, ours := filepath.Join(state.runc(), id), state.ours()
	if _, err := os.Stat(record); err == nil && ours {
		// Runc may be removing it itself at this moment: what counts is what is left.
		if command, err := findRunc(); err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), endDeadline)
			_ = (&runc.Runc{Command: command, Root: state.runc()}).Delete(ctx, id, &runc.DeleteOpts{Force: true})
			cancel()
		}
	}
	if err := cgroupOf(id).remove(); err != nil {
		errs = append(errs, err)
	}
	if !ours {
		return errors.Join(errs...)
	}
	for _, directory := range []string{record, state.bundle(id)} {
		if err := os.RemoveAll(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove %s: %w", directory, err))
		}
	}
	return errors.Join(errs...)
}
