package workloads

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

func TestBuiltInGuests(t *testing.T) {
	for _, name := range Guests() {
		wasm, err := Guest(name)
		if err != nil {
			t.Fatal(err) // make guests
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
		"rust":         `guest "rust" is unknown: use c, go or the path of a .wasm file`,
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
