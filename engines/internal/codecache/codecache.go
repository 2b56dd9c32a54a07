// Package codecache keeps the native code of compiled modules on disk, so that a large
// guest is compiled once and not in every process.
//
// What lies in the cache is run as it is. It is therefore kept in a directory of the
// user's own that no other can write to, and every entry is checked against its digest
// before an engine sees it: a damaged entry counts as absent. Losing the cache, or a part
// of it, costs a compilation and nothing else, and so does a directory that cannot be used or
// is full.
package codecache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"rrbench/engines"
	"rrbench/private"
)

// Worthwhile is the size in bytes of the module from which on compiling takes longer than
// reading and checking an entry. Only measurements of either change it, in a process that does nothing else.
var Worthwhile = 256 << 10

const (
	digestFile  = "digest"
	stagePrefix = "stage-"
	// comfortable is room for the code of a guest with a language's runtime, in bytes.
	comfortable = 128 << 20
)

// Cache is the part of the cache directory that belongs to one engine. It is safe for
// concurrent use, by several processes too.
type Cache struct {
	// dir is empty for a cache that keeps nothing.
	dir, version string
	lock         sync.Mutex
	fault        error
}

// Open makes the engine's directory below base, or below the user's cache directory when
// base is empty. Version is the engine's: code serves the same version only. The error is the
// reason why code from there cannot be trusted. The cache is valid in any case: where the user's
// directory cannot be used it keeps nothing, and Fault returns the reason.
func Open(base, engine, version string) (*Cache, error) {
	c := &Cache{version: version}
	c.dir, c.fault = directory(base, engine)
	if c.fault == nil && strings.HasPrefix(version, engines.UnknownVersion) {
		// Code of another version is not to be taken for this one's.
		c.dir = ""
	}
	if c.dir != "" {
		for stage := range private.Abandoned(c.dir, stagePrefix) {
			_ = stage.Remove()
		}
	}
	if base == "" {
		return c, nil
	}
	return c, c.fault
}

func directory(base, engine string) (string, error) {
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache directory: %w (set HOME or XDG_CACHE_HOME)", err)
		}
		base = filepath.Join(user, "rrbench")
	}
	dir, err := filepath.Abs(filepath.Join(base, engine))
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	if err := private.Make(dir); err != nil {
		return "", fmt.Errorf("make the cache directory: %w (or choose another: XDG_CACHE_HOME)", err)
	}
	return dir, nil
}

// Key names the code that the engine makes of a module on this machine.
func (c *Cache) Key(wasm []byte) string {
	module := sha256.Sum256(wasm)
	key := sha256.Sum256(fmt.Appendf(nil, "%x %s %s %s", module, c.version, runtime.GOOS, runtime.GOARCH))
	return hex.EncodeToString(key[:])
}

// Find returns the directory of an entry whose files are as they were committed. An entry
// that is damaged is removed.
func (c *Cache) Find(key string) (dir string, ok bool) {
	if c.dir == "" {
		return "", false
	}
	dir = filepath.Join(c.dir, key)
	recorded, err := os.ReadFile(filepath.Join(dir, digestFile))
	if err == nil {
		var actual string
		actual, err = digest(dir)
		if err == nil && actual == string(recorded) {
			return dir, true
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		_ = os.RemoveAll(dir)
	}
	return "", false
}

// Keep makes an entry of what write puts into an empty directory, at once and as a whole. Of one
// that could not be completed nothing is left.
func (c *Cache) Keep(key string, write func(dir string) error) error {
	if c.dir == "" {
		return errors.New("there is no directory for it")
	}
	stage, err := private.NewDirectory(c.dir, stagePrefix)
	if err != nil {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	// Of a stage that has become an entry there is nothing to remove.
	defer stage.Remove()
	if err := write(stage.Path); err != nil {
		return fmt.Errorf("write a cache entry: %w", err)
	}
	sum, err := digest(stage.Path)
	if err != nil {
		return fmt.Errorf("digest a cache entry: %w", err)
	}
	if err := os.WriteFile(filepath.Join(stage.Path, digestFile), []byte(sum), 0o600); err != nil {
		return fmt.Errorf("write the digest of a cache entry: %w", err)
	}
	entry := filepath.Join(c.dir, key)
	if os.Rename(stage.Path, entry) == nil {
		return nil
	}
	// Another process may have been faster; a directory is only replaced when empty.
	if err := os.RemoveAll(entry); err != nil {
		return fmt.Errorf("replace a cache entry: %w", err)
	}
	if err := os.Rename(stage.Path, entry); err != nil {
		return fmt.Errorf("commit a cache entry: %w", err)
	}
	return nil
}

// Blame records the first error of Keep, for Fault. It ignores nil.
func (c *Cache) Blame(err error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.fault == nil && err != nil && c.dir != "" {
		c.fault = fmt.Errorf("%s: %w (make room, or choose another: XDG_CACHE_HOME)", c.dir, err)
	}
}

// Fault returns why code is not kept, or that there is hardly room for it, else nil.
func (c *Cache) Fault() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.fault != nil || c.dir == "" {
		return c.fault
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(c.dir, &disk); err != nil {
		return fmt.Errorf("%s: %w", c.dir, err)
	}
	if free := uint64(disk.Bavail) * uint64(disk.Bsize); free < comfortable {
		return fmt.Errorf("%s has %s left (make room, or choose another: XDG_CACHE_HOME)", c.dir, humanize.IBytes(free))
	}
	var largest unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &largest); err == nil && largest.Cur < comfortable {
		return fmt.Errorf("files can have %s at most (raise ulimit -f)", humanize.IBytes(largest.Cur))
	}
	return nil
}

// digest covers the paths, lengths and contents of all files of an entry but the digest. It finds damage; what
// keeps others from changing an entry is its directory, and a hash against them would take longer than all else that a
// shim does to load the code.
func digest(dir string) (string, error) {
	hash, files := xxhash.New(), os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == digestFile {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		file, err := files.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%q %d\n", path, info.Size())
		_, err = io.Copy(hash, file)
		return err
	})
	return hex.EncodeToString(hash.Sum(nil)), err
}
