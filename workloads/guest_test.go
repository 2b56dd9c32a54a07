package workloads

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

func TestBuiltInGuests(t *testing.T) {
	for _, name := range slices.Concat(Guests(), HTTPGuests()) {
		if _, err := exec.LookPath("go"); err != nil && strings.HasSuffix(name, "go") {
			t.Logf("the go tool is not on PATH, so the guest %s cannot be built", name)
			continue
		}
		wasm, err := Guest(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(wasm, magic) {
			t.Errorf("guest %s is no WebAssembly module", name)
		}
	}
}

func TestGuestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.wasm")
	if err := os.WriteFile(path, magic, 0o600); err != nil {
		t.Fatal(err)
	}
	if wasm, err := Guest(path); err != nil || !bytes.Equal(wasm, magic) {
		t.Errorf("Guest(%q) = %x, %v", path, wasm, err)
	}
}

func TestGuestErrors(t *testing.T) {
	for name, want := range map[string]string{
		"rust":         `guest "rust" is unknown: use c, go, http-go, http-c or the path of a .wasm file`,
		"":             `guest "" is unknown`,
		"missing.wasm": "guest missing.wasm does not exist: give the path",
		"./missing":    "guest missing does not exist",
		t.TempDir():    "guest cannot be read",
	} {
		_, err := Guest(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Guest(%q): error %v, want %q", name, err, want)
		}
	}
}

// TestGoGuestElsewhere runs as a program outside any checkout does.
func TestGoGuestElsewhere(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	t.Chdir(t.TempDir())
	if source := goFunction.tree(); source != "" {
		t.Skipf("the test binary lies in the checkout %s", source)
	}
	_, err := Guest("go")
	if err == nil || !strings.Contains(err.Error(), "make guests") {
		t.Errorf("error %v does not say how to build", err)
	}
	places := goFunction.places("")
	if err := store(places[len(places)-1], magic); err != nil {
		t.Fatal(err)
	}
	if wasm, err := Guest("go"); err != nil || !bytes.Equal(wasm, magic) {
		t.Errorf("Guest = %x, %v with one in the cache", wasm, err)
	}
	if err := os.Chmod(filepath.Dir(places[len(places)-1]), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Guest("go"); err == nil {
		t.Error("a guest that others could have written was taken")
	}
}

func TestGoGuestBuildFails(t *testing.T) {
	source := t.TempDir()
	if err := os.MkdirAll(filepath.Join(source, "workloads", "goguest"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "go.mod"), []byte("module rrbench\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(source)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := Guest("go")
	if err == nil || !strings.Contains(err.Error(), "go build") || !strings.Contains(err.Error(), "make guests") {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = Guest("go")
	if err == nil || !strings.Contains(err.Error(), "not on PATH") {
		t.Errorf("error %v", err)
	}
}

// TestReproducible builds the committed modules anew where the compiler that made them is
// installed.
func TestReproducible(t *testing.T) {
	output, err := exec.Command("sh", "build.sh", "--check").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if strings.Contains(string(output), "not compared") {
		t.Skip(strings.TrimSpace(string(output)))
	}
}
