package codecache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rrbench/engines"
	"rrbench/private"
)

func open(t *testing.T) *Cache {
	t.Helper()
	cache, err := Open(t.TempDir(), "engine", "v1")
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func keep(t *testing.T, cache *Cache, key, content string) {
	t.Helper()
	err := cache.Keep(key, func(dir string) error {
		if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "sub", "code"), []byte(content), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeepAndFind(t *testing.T) {
	cache := open(t)
	key := cache.Key([]byte("module"))
	if _, ok := cache.Find(key); ok {
		t.Fatal("found what was never kept")
	}
	for _, content := range []string{"first", "second"} {
		keep(t, cache, key, content)
		dir, ok := cache.Find(key)
		if !ok {
			t.Fatal("entry not found")
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "sub", "code")); string(got) != content {
			t.Fatalf("entry holds %q, want %q", got, content)
		}
	}
	entries, _ := os.ReadDir(cache.dir)
	if len(entries) != 1 {
		t.Fatalf("stages are left behind: %v", entries)
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	first, second := &Cache{version: "v1"}, &Cache{version: "v2"}
	for _, key := range []string{first.Key([]byte("a")), first.Key([]byte("b")), second.Key([]byte("a"))} {
		if seen[key] {
			t.Fatalf("key %s is used twice", key)
		}
		seen[key] = true
	}
}

func TestDamagedEntryIsAbsent(t *testing.T) {
	damage := map[string]func(dir string) error{
		"changed byte": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "sub", "code"), []byte("codf"), 0o600)
		},
		"truncated":    func(dir string) error { return os.Truncate(filepath.Join(dir, "sub", "code"), 1) },
		"file added":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "more"), nil, 0o600) },
		"file removed": func(dir string) error { return os.Remove(filepath.Join(dir, "sub", "code")) },
		"no digest":    func(dir string) error { return os.Remove(filepath.Join(dir, digestFile)) },
		"empty digest": func(dir string) error { return os.Truncate(filepath.Join(dir, digestFile), 0) },
		"link": func(dir string) error {
			return os.Symlink("/etc/passwd", filepath.Join(dir, "link"))
		},
		"not a directory": func(dir string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.WriteFile(dir, []byte("code"), 0o600)
		},
	}
	for name, spoil := range damage {
		t.Run(name, func(t *testing.T) {
			cache := open(t)
			key := cache.Key([]byte("module"))
			keep(t, cache, key, "code")
			if err := spoil(filepath.Join(cache.dir, key)); err != nil {
				t.Fatal(err)
			}
			if _, ok := cache.Find(key); ok {
				t.Fatal("a damaged entry was found")
			}
			keep(t, cache, key, "code")
			if _, ok := cache.Find(key); !ok {
				t.Fatal("the entry was not rewritten")
			}
		})
	}
}

func TestDirectoryIsPrivate(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "engine")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(base, "engine", "v1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(base, "engine", "v1"); err == nil {
		t.Fatal("a directory that others can write to was trusted")
	}
	if err := os.Symlink(dir, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(base, "link", "v1"); err == nil {
		t.Fatal("a link to a directory was trusted")
	}
}

func TestAbandonedStagesAreRemoved(t *testing.T) {
	base := t.TempDir()
	cache, err := Open(base, "engine", "v1")
	if err != nil {
		t.Fatal(err)
	}
	abandoned := filepath.Join(cache.dir, stagePrefix+"abandoned")
	if err := os.Mkdir(abandoned, 0o700); err != nil {
		t.Fatal(err)
	}
	inUse, err := private.NewDirectory(cache.dir, stagePrefix)
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.Release()
	if _, err := Open(base, "engine", "v1"); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache.dir, "*")); !slices.Equal(left, []string{inUse.Path}) {
		t.Errorf("the stages are %v", left)
	}
}

// What cannot be completed leaves nothing, and the first reason is reported.
func TestFaults(t *testing.T) {
	cache := open(t)
	key := cache.Key([]byte("module"))
	full := errors.New("no space left")
	for _, cause := range []error{full, errors.New("another")} {
		err := cache.Keep(key, func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "half"), []byte("code"), 0o600), cause)
		})
		if !errors.Is(err, cause) {
			t.Errorf("error is %v", err)
		}
		cache.Blame(err)
	}
	if entries, _ := os.ReadDir(cache.dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if err := cache.Fault(); !errors.Is(err, full) || !strings.Contains(err.Error(), cache.dir) || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("fault is %v", err)
	}
	unknown, err := Open(t.TempDir(), "engine", engines.UnknownVersion)
	if err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nowhere, err := Open(blocked, "engine", "v1")
	if err == nil || nowhere.Fault() != err {
		t.Errorf("a file as directory: %v, %v", err, nowhere.Fault())
	}
	for _, cache := range []*Cache{unknown, nowhere} {
		if err := cache.Keep(key, func(string) error { return nil }); err == nil {
			t.Error("code is kept")
		}
		if dir, ok := cache.Find(key); ok {
			t.Errorf("found %s", dir)
		}
	}
}

func TestConcurrentCommits(t *testing.T) {
	cache := open(t)
	key := cache.Key([]byte("module"))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				// One of two simultaneous commits may lose; neither may leave a wrong entry.
				_ = cache.Keep(key, func(dir string) error {
					return os.WriteFile(filepath.Join(dir, "code"), []byte("code"), 0o600)
				})
				if dir, ok := cache.Find(key); ok && filepath.Base(dir) != key {
					t.Errorf("found %s", dir)
				}
			}
		})
	}
	group.Wait()
	keep(t, cache, key, "code")
	if _, ok := cache.Find(key); !ok {
		t.Fatal("entry not found")
	}
}
