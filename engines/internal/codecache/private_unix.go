//go:build unix

package codecache

import (
	"fmt"
	"os"
	"syscall"
)

// makePrivate fails unless the directory belongs to this user, and closes it to others.
func makePrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("examine the cache directory: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("cache directory %s is not a directory of this user: native code from there is not trusted, choose another", dir)
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the cache directory to others: %w", err)
	}
	return nil
}
