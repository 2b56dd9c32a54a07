package modes

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
)

// TestDocumentedFunctions builds the examples of docs/guest-abi.md, with the commands that
// stand below them, and hands payloads over to them.
func TestDocumentedFunctions(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "guest-abi.md"))
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```(c|rust|go)\n(.*?)```\n\n((?:    [^\n]*\n)+)")
	found := example.FindAllStringSubmatch(string(text), -1)
	if len(found) != 3 {
		t.Fatalf("%d examples with a command, want 3", len(found))
	}
	for _, match := range found {
		language, source, command := match[1], match[2], strings.TrimSpace(match[3])
		t.Run(language, func(t *testing.T) {
			tool := map[string]string{"c": "clang", "rust": "rustc", "go": "go"}[language]
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("%s is not installed", tool)
			}
			directory := t.TempDir()
			file := map[string]string{"c": "function.c", "rust": "function.rs", "go": "function.go"}[language]
			if err := os.WriteFile(filepath.Join(directory, file), []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			build := exec.Command("sh", "-c", strings.ReplaceAll(command, "workloads/", filepath.Join(root, "workloads")+"/"))
			build.Dir = directory
			output, err := build.CombinedOutput()
			if err != nil && language == "rust" && (strings.Contains(string(output), "can't find crate for `std`") || strings.Contains(string(output), "could not choose a version of rustc")) {
				t.Skip("rustc has no wasm32-unknown-unknown target: rustup target add wasm32-unknown-unknown")
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", command, err, output)
			}
			tryFunction(t, filepath.Join(directory, "function.wasm"))
		})
	}
}

func tryFunction(t *testing.T, path string) {
	eachEngine(t, func(t *testing.T, engine string) {
		setup := transport.Setup{Engine: engine, Guest: path, Size: 1 << 20}
		target := load(t, setup, nil)
		var received uint64
		var failure error
		source := load(t, setup, func(region *Region) error {
			received, failure = handOff(target, region.Bytes())
			return failure
		})
		for _, size := range []int64{1, 31, 32, 33, 100, 1 << 20} {
			sent, err := source.Prepare(payloads.Spec{Kind: payloads.Bytes, Seed: 6, Size: size})
			if err != nil {
				t.Fatal(err)
			}
			if err := source.Send(); err != nil {
				t.Fatal(err)
			}
			if received != sent {
				t.Errorf("%d bytes: sent %016x, received %016x", size, sent, received)
			}
		}
	})
}
