package stream

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync"

	"rrbench/private"
)

// directoryPrefix begins the names of the directories with Unix sockets.
const directoryPrefix = "rrbench-sockets-"

// socketParents returns where such a directory may lie, the best place first.
var socketParents = private.ShortParents

// directory holds the listening Unix sockets of this process. No other user can enter it. It
// exists while there are such sockets. A process that is killed leaves it behind, without its
// lock: the next process that makes such a directory removes it.
var directory struct {
	mutex     sync.Mutex
	made      *private.Directory
	listeners int
	// count numbers all sockets that there were.
	count int
}

// newPath returns the path for a listening socket. leavePath must follow when that is gone.
func newPath() (string, error) {
	d := &directory
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.listeners == 0 {
		made, err := private.NewDirectoryIn(socketParents(), directoryPrefix)
		if err != nil {
			return "", fmt.Errorf("make a directory for Unix sockets: %w", err)
		}
		d.made = made
	}
	d.listeners++
	d.count++
	return filepath.Join(d.made.Path, strconv.Itoa(d.count)), nil
}

// leavePath removes the directory with the last socket.
func leavePath() error {
	d := &directory
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.listeners--; d.listeners > 0 {
		return nil
	}
	if err := d.made.Remove(); err != nil {
		return fmt.Errorf("remove the directory for Unix sockets: %w", err)
	}
	return nil
}
