package codecache

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T) *Cache {
	t.Helper()
	cache, err := Open(t.TempDir(), "engine", "v1")
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func commit(t *testing.T, cache *Cache, key, content string) {
	t.Helper()
	stage, err := cache.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(stage, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stage, "sub", "code"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cache.Commit(stage, key); err != nil {
		t.Fatal(err)
	}
}

func TestCommitAndFind(t *testing.T) {
	cache := open(t)
	key := cache.Key([]byte("module"))
	if _, ok := cache.Find(key); ok {
		t.Fatal("found what was never committed")
	}
	for _, content := range []string{"first", "second"} {
		commit(t, cache, key, content)
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
			commit(t, cache, key, "code")
			if err := spoil(filepath.Join(cache.dir, key)); err != nil {
				t.Fatal(err)
			}
			if _, ok := cache.Find(key); ok {
				t.Fatal("a damaged entry was found")
			}
			commit(t, cache, key, "code")
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
	old, err := cache.Stage()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := cache.Stage()
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(base, "engine", "v1"); err != nil {
		t.Fatal(err)
	}
	if exists(old) || !exists(fresh) {
		t.Fatalf("old stage exists: %t, fresh stage exists: %t", exists(old), exists(fresh))
	}
}

func TestConcurrentCommits(t *testing.T) {
	cache := open(t)
	key := cache.Key([]byte("module"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				stage, err := cache.Stage()
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(stage, "code"), []byte("code"), 0o600); err != nil {
					t.Error(err)
					return
				}
				// One of two simultaneous commits may lose; neither may leave a wrong entry.
				_ = cache.Commit(stage, key)
				if dir, ok := cache.Find(key); ok && filepath.Base(dir) != key {
					t.Errorf("found %s", dir)
				}
			}
		})
	}
	group.Wait()
	commit(t, cache, key, "code")
	if _, ok := cache.Find(key); !ok {
		t.Fatal("entry not found")
	}
}
