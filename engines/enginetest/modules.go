package enginetest

import (
	"embed"
	"testing"
)

// workloads/build.sh makes the binary forms of the text modules beside them.
//
//go:embed testdata/*.wasm
var modules embed.FS

// Module returns the module of that name in testdata, in binary form.
func Module(t testing.TB, name string) []byte {
	t.Helper()
	wasm, err := modules.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}
