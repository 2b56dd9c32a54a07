package results

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lock makes this process the only writer of the directory until Close, or until it ends
// (flock(2)). A second one is a *DirectoryError that names the process which writes.
func (d *Directory) lock() error {
	if d.locked != nil {
		return nil
	}
	directory, err := os.Open(d.path)
	if err != nil {
		return unwritable(d.path, err)
	}
	switch err = syscall.Flock(int(directory.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		d.locked = directory
		return nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = &DirectoryError{d.path, "is being written by " + writer(directory), "wait for that run to end, or name another directory with --out", err}
	default:
		err = unwritable(d.path, fmt.Errorf("lock: %w", err))
	}
	return errors.Join(err, directory.Close())
}

// writer names the process that holds the lock of a directory (proc_locks(5)).
func writer(directory *os.File) string {
	const unknown = "another process"
	info, err := directory.Stat()
	if err != nil {
		return unknown
	}
	inode := fmt.Sprintf(":%d", info.Sys().(*syscall.Stat_t).Ino)
	// The kernel makes the list page by page: when locks go meanwhile, others are left out.
	for range 3 {
		locks, _ := os.ReadFile("/proc/locks")
		for line := range strings.Lines(string(locks)) {
			// 1: FLOCK ADVISORY WRITE 4711 fe:00:12345 0 EOF
			fields := strings.Fields(line)
			if len(fields) > 5 && fields[1] == "FLOCK" && strings.HasSuffix(fields[5], inode) {
				return "process " + fields[4]
			}
		}
	}
	return unknown
}

// Close lets other processes write to the directory.
func (d *Directory) Close() error {
	if d.locked == nil {
		return nil
	}
	err := d.locked.Close()
	d.locked = nil
	return err
}
