package private

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is in use, or not this user's alone, is no abandoned directory, whatever its name.
func TestAbandoned(t *testing.T) {
	parent, elsewhere := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(parent, "prefix-"+name) }
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	inUse, err := NewDirectory(parent, "prefix-")
	must(
		err,
		os.WriteFile(filepath.Join(inUse.Path, "file"), nil, 0o600),
		os.WriteFile(filepath.Join(elsewhere, "file"), nil, 0o600),
		os.Symlink(elsewhere, at("link")),
		os.Symlink(filepath.Join(elsewhere, "file"), at("link-to-file")),
		syscall.Mkfifo(at("pipe"), 0o600),
		os.Mkdir(at("open"), 0o700), os.Chmod(at("open"), 0o777),
		os.Mkdir(filepath.Join(parent, "other"), 0o700),
		os.Mkdir(at("abandoned"), 0o700),
		os.WriteFile(filepath.Join(at("abandoned"), "file"), nil, 0o600),
	)
	if os.Geteuid() == 0 {
		must(os.Mkdir(at("foreign"), 0o700), os.Chown(at("foreign"), 65534, 65534))
	}
	for _, remove := range []bool{false, true} {
		var found []string
		for d := range Abandoned(parent, "prefix-") {
			found = append(found, d.Path)
			if remove {
				must(d.Remove())
			}
		}
		if len(found) != 1 || found[0] != at("abandoned") {
			t.Errorf("abandoned are %v", found)
		}
	}
	for d := range Abandoned(parent, "prefix-") {
		t.Errorf("%s stays", d.Path)
	}
	if _, err := os.Lstat(filepath.Join(elsewhere, "file")); err != nil {
		t.Error(err)
	}
	must(inUse.Remove())
	if _, err := os.Lstat(inUse.Path); !os.IsNotExist(err) {
		t.Errorf("a removed directory stays: %v", err)
	}
}
