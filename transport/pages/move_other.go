//go:build !linux

package pages

import "errors"

// Supported says whether pages can move on this system.
const Supported = false

var errNotLinux = errors.New("moving pages needs Linux")

func Move(dst, src []byte) error                   { return errNotLinux }
func Blank([]byte) error                           { return errNotLinux }
func Reserve(length int) ([]byte, error)           { return nil, errNotLinux }
func Free([]byte) error                            { return nil }
func MapShared([]byte, int, int64) error           { return errNotLinux }
func MapPrivate([]byte, int, int64) error          { return errNotLinux }
func Detach([]byte) error                          { return errNotLinux }
func Revert(memory, buffer []byte) ([]byte, error) { return buffer, errNotLinux }
func OneMapping([]byte) bool                       { return false }
