package stream

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/private"
)

// socketsIn has sockets lie in a directory of the test's.
func socketsIn(t *testing.T, parents ...string) {
	t.Helper()
	before := socketParents
	socketParents = func() []string { return parents }
	t.Cleanup(func() { socketParents = before })
}

func entries(t *testing.T, directory string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

// The sockets of a process lie in one directory that no other user can enter, and that goes
// with the last of them.
func TestUnixSocketsLieInADirectoryOfTheirOwn(t *testing.T) {
	parent := t.TempDir()
	socketsIn(t, filepath.Join(parent, "missing"), parent)
	// Another process was killed.
	left, err := private.NewDirectory(parent, directoryPrefix)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Release(); err != nil {
		t.Fatal(err)
	}
	first, err := Listen("")
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen("")
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Dir(first.Endpoint("").Address)
	if names := entries(t, parent); len(names) != 1 || made != filepath.Join(parent, names[0]) || made != filepath.Dir(second.Endpoint("").Address) || made == left.Path {
		t.Errorf("%s and %s lie beside %v", first.Endpoint("").Address, second.Endpoint("").Address, names)
	}
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory's mode is %v, %v", info.Mode(), err)
	}
	mustClose(t, first)
	if names := entries(t, made); len(names) != 1 || filepath.Join(made, names[0]) != second.Endpoint("").Address {
		t.Errorf("beside %s there is %v", second.Endpoint("").Address, names)
	}
	mustClose(t, second)
	if names := entries(t, parent); len(names) != 0 {
		t.Errorf("%v is left behind", names)
	}
}

func TestUnixSocketsNeedADirectory(t *testing.T) {
	socketsIn(t, "/nowhere", "/nowhere/else")
	if _, err := Listen(""); err == nil || !strings.Contains(err.Error(), "/nowhere/else") {
		t.Errorf("error is %v", err)
	}
	parent := t.TempDir()
	deep := filepath.Join(parent, strings.Repeat("d", 120))
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	socketsIn(t, deep)
	if _, err := Listen(""); err == nil {
		t.Error("listens at a path that is too long")
	}
	if names := entries(t, deep); len(names) != 0 {
		t.Errorf("%v is left behind", names)
	}
}
