package engines

import (
	"bytes"
	"errors"
	"fmt"
)

// preambleSize is the length of what every module begins with.
const preambleSize = 8

// CheckPreamble returns nil when the bytes begin as a core WebAssembly module does, else
// an error that says what they are instead. The runtimes differ in what they take (text,
// components) and in how they refuse; this makes them alike.
// See https://www.w3.org/TR/wasm-core-2/#binary-module
func CheckPreamble(wasm []byte) error {
	const length = preambleSize
	switch {
	case len(wasm) == 0:
		return errors.New("not a WebAssembly module: it is empty")
	case !bytes.HasPrefix(wasm, []byte("\x00asm")[:min(4, len(wasm))]):
		if bytes.HasPrefix(bytes.TrimSpace(wasm), []byte("(module")) {
			return errors.New("not a WebAssembly module but its text form: translate it with wat2wasm")
		}
		return fmt.Errorf("not a WebAssembly module: it begins with %q", wasm[:min(length, len(wasm))])
	case len(wasm) < length:
		return fmt.Errorf("not a WebAssembly module: it ends after %d bytes", len(wasm))
	case bytes.Equal(wasm[4:length], []byte{0x0d, 0, 1, 0}):
		return errors.New("a WebAssembly component, where a core module is needed: build for wasm32-wasip1")
	case !bytes.Equal(wasm[4:length], []byte{1, 0, 0, 0}):
		return fmt.Errorf("a WebAssembly module of an unknown version (% x)", wasm[4:length])
	}
	return nil
}
