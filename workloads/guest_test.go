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
	file, reference, err := ReadFile(t.Context(), path)
	if err != nil || !bytes.Equal(file.Content, magic) || !strings.HasPrefix(reference, "own.wasm@") {
		t.Fatalf("ReadFile(%q) = %+v, %s, %v", path, file, reference, err)
	}
	if _, err := Guest(reference); err == nil {
		t.Error("a guest is known that was not added")
	}
	Add(reference, file.Content)
	if wasm, err := Guest(reference); err != nil || !bytes.Equal(wasm, magic) {
		t.Errorf("Guest(%q) = %x, %v", reference, wasm, err)
	}
}

func TestGuestErrors(t *testing.T) {
	for name, want := range map[string]string{
		"rust":         `guest "rust" is unknown: use c, go or the path of a .wasm file`,
		"":             `guest "" is unknown`,
		"missing.wasm": `guest "missing.wasm" is unknown`,
	} {
		if _, err := Guest(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Guest(%q): error %v, want %q", name, err, want)
		}
	}
	text := filepath.Join(t.TempDir(), "text.wasm")
	if err := os.WriteFile(text, []byte("(module)"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"missing.wasm": "guest missing.wasm does not exist: give the path",
		"./missing":    "guest missing does not exist",
		"/dev/zero":    "guest /dev/zero: neither a file nor a pipe",
		text:           "guest " + text + ": not a WebAssembly module but its text form",
	} {
		if _, _, err := ReadFile(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadFile(%q): error %v, want %q", path, err, want)
		}
	}
}
