// Package examples tests the examples: each guest is built with the command in its first lines,
// and payloads go from one of it to others.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rrbench/engines/catalogue"
	"rrbench/modes/kernel"
	"rrbench/modes/user"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads"
)

func TestGuests(t *testing.T) {
	for source, compiler := range map[string]string{"c/function.c": "clang", "go/function.go": "go", "rust/function.rs": rustc(), "assemblyscript/function.ts": "asc"} {
		t.Run(source, func(t *testing.T) {
			file, guest, err := workloads.ReadFile(t.Context(), build(t, source, compiler))
			if err != nil {
				t.Fatal(err)
			}
			workloads.Add(guest, file.Content)
			for _, tr := range []transport.Transport{user.NewCopy(), kernel.NewStream()} {
				for _, engine := range catalogue.BuiltIn() {
					t.Run(tr.Info().Name+"/"+engine, func(t *testing.T) {
						if err := catalogue.Check(engine); err != nil {
							t.Skip(err)
						}
						for _, origin := range transport.Origins() {
							transporttest.Exercise(t, tr, transport.Setup{
								Engine: engine, Guest: guest, Codec: transport.None, Payload: payloads.Text,
								Size: 100_001, Fanout: 2, Deadline: time.Minute,
								Origin: origin, Consume: transport.ConsumeWrite,
							}, false)
						}
					})
				}
			}
		})
	}
}

// TestCommand has a command for a function: its _start, which traps, is not called.
func TestCommand(t *testing.T) {
	file, err := os.ReadFile("c/function.c")
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "function.c")
	text := strings.ReplaceAll(string(file), "c=../../workloads/c", "c="+filepath.Join(root(t), "workloads/c"))
	text += "\n__attribute__((export_name(\"_start\"))) void _start(void) { __builtin_trap(); }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command, guest, err := workloads.ReadFile(t.Context(), build(t, source, "clang"))
	if err != nil {
		t.Fatal(err)
	}
	workloads.Add(guest, command.Content)
	for _, engine := range catalogue.BuiltIn() {
		if catalogue.Check(engine) == nil {
			transporttest.Exercise(t, user.NewCopy(), transport.Setup{
				Engine: engine, Guest: guest, Codec: transport.None, Payload: payloads.Text, Size: 100, Fanout: 1, Deadline: time.Minute,
			}, false)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// command is the indented part of the first comment.
var command = regexp.MustCompile(`(?m)^//\t(.*)$`)

func build(t *testing.T, source, compiler string) (module string) {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("%s is not installed, or not for WebAssembly: scripts/setup --develop", compiler)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, line := range command.FindAllStringSubmatch(string(text), -1) {
		script.WriteString(line[1] + "\n")
	}
	module = filepath.Join(t.TempDir(), "function.wasm")
	run := strings.ReplaceAll(script.String(), "-o function.wasm", "-o "+module)
	run = strings.Replace(run, "rustc ", compiler+" ", 1)
	shell := exec.Command("sh", "-ec", run)
	shell.Dir = filepath.Dir(source)
	if output, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", run, err, output)
	}
	return module
}

// rustc is a Rust compiler that has the standard library for WebAssembly.
func rustc() string {
	for _, compiler := range []string{"/usr/bin/rustc", "rustc"} {
		library, err := exec.Command(compiler, "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSpace(string(library))); err == nil {
			return compiler
		}
	}
	return "rustc with target wasm32-unknown-unknown"
}
