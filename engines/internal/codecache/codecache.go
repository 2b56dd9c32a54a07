// Package codecache keeps the native code of compiled modules on disk, so that a large
// guest is compiled once and not in every process.
//
// What lies in the cache is run as it is. It is therefore kept in a directory of the
// user's own that no other can write to, and every entry is checked against its digest
// before an engine sees it: a damaged entry counts as absent. Losing the cache, or a part
// of it, costs a compilation and nothing else.
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
	"time"

	"rrbench/private"
)

// Worthwhile is the size in bytes of the module from which on compiling takes longer than
// reading and checking an entry.
const Worthwhile = 256 << 10

const (
	digestFile  = "digest"
	stagePrefix = "stage-"
	// abandoned is the age of a stage whose process must have died.
	abandoned = time.Hour
)

// Cache is the part of the cache directory that belongs to one engine. It is safe for
// concurrent use, by several processes too.
type Cache struct{ dir, version string }

// Open makes the engine's directory below base, or below the user's cache directory when
// base is empty. The error says why code from there could not be trusted. Version is the
// engine's: code is of use to the same one only.
func Open(base, engine, version string) (*Cache, error) {
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find a cache directory: %w (set HOME or XDG_CACHE_HOME)", err)
		}
		base = filepath.Join(user, "rrbench")
	}
	dir, err := filepath.Abs(filepath.Join(base, engine))
	if err != nil {
		return nil, fmt.Errorf("find the cache directory: %w", err)
	}
	if err := private.Make(dir); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w (or choose another: XDG_CACHE_HOME)", err)
	}
	cache := &Cache{dir, version}
	cache.removeAbandoned()
	return cache, nil
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
	dir = filepath.Join(c.dir, key)
	recorded, err := os.ReadFile(filepath.Join(dir, digestFile))
	if err == nil {
		var actual string
		actual, err = digest(dir)
		if err == nil && actual == string(recorded) {
			return dir, true
		}
	}
	if !errors.Is(err, fs.ErrNotExist) || exists(dir) {
		_ = os.RemoveAll(dir)
	}
	return "", false
}

// Stage makes an empty directory into which an engine writes the files of a new entry.
func (c *Cache) Stage() (string, error) {
	dir, err := os.MkdirTemp(c.dir, stagePrefix)
	if err != nil {
		return "", fmt.Errorf("make a cache entry: %w", err)
	}
	return dir, nil
}

// Commit makes a stage the entry of a key, at once and as a whole. The stage is gone
// afterwards, whatever happens.
func (c *Cache) Commit(stage, key string) error {
	defer os.RemoveAll(stage)
	sum, err := digest(stage)
	if err != nil {
		return fmt.Errorf("digest a cache entry: %w", err)
	}
	if err := os.WriteFile(filepath.Join(stage, digestFile), []byte(sum), 0o600); err != nil {
		return fmt.Errorf("write the digest of a cache entry: %w", err)
	}
	entry := filepath.Join(c.dir, key)
	if os.Rename(stage, entry) == nil {
		return nil
	}
	// Another process may have been faster; a directory is only replaced when empty.
	if err := os.RemoveAll(entry); err != nil {
		return fmt.Errorf("replace a cache entry: %w", err)
	}
	if err := os.Rename(stage, entry); err != nil {
		return fmt.Errorf("commit a cache entry: %w", err)
	}
	return nil
}

func (c *Cache) removeAbandoned() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), stagePrefix) && time.Since(info.ModTime()) > abandoned {
			_ = os.RemoveAll(filepath.Join(c.dir, entry.Name()))
		}
	}
}

// digest covers the paths, lengths and contents of all files of an entry but the digest.
func digest(dir string) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil || relative == digestFile {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%q %d\n", filepath.ToSlash(relative), info.Size())
		_, err = io.Copy(hash, file)
		return err
	})
	return hex.EncodeToString(hash.Sum(nil)), err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
