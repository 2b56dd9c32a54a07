package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := Make(path); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// What another user could have planted is neither opened nor taken.
func TestPlanted(t *testing.T) {
	for name, test := range map[string]struct {
		plant func(path string) error
		want  string
	}{
		"link": {func(path string) error { return os.Symlink(t.TempDir(), path) }, "not a directory"},
		"file": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "not a directory"},
		"open to all": {func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o702))
		}, "other users can write"},
		"another user's": {func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 65534, 0))
		}, "belongs to user 65534"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "planted")
			if err := test.plant(path); errors.Is(err, fs.ErrPermission) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			if directory, err := Open(path); err == nil {
				_ = directory.Close()
				t.Error("it was opened")
			} else if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if err := Make(path); err == nil {
				t.Error("it was taken")
			}
		})
	}
}
