package containerd

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rrbench/shim/containerd/task"
	"rrbench/shim/runc"
)

// BenchmarkStart is from the creation of a container to the first byte of its output: of hello.c in each engine, and
// of a native program in C under runc.
func BenchmarkStart(b *testing.B) {
	i, module := shared(b), hello(b)
	_, snapshot := i.add(b, "hello", module)
	program := filepath.Join(b.TempDir(), "hello")
	source := filepath.Join(b.TempDir(), "hello.c")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	if output, err := exec.Command("cc", "-O2", "-static", "-o", program, source).CombinedOutput(); err != nil {
		b.Skipf("no C compiler: %v, %s", err, output)
	}
	for _, of := range []struct{ name, runtime, snapshot string }{{"wasmtime", task.Runtime, snapshot}, {"wazero", task.Runtime, snapshot}, {"runc", runcRuntime, ""}} {
		b.Run(of.name, func(b *testing.B) {
			var first time.Duration
			least := time.Hour
			for b.Loop() {
				spec := helloIn(of.name)
				if of.runtime == runcRuntime {
					spec = runc.Spec(program, "", nil)
					spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
				}
				c := newContainer(i)
				pipe := c.log()
				if err := unix.Mkfifo(pipe, 0o600); err != nil {
					b.Fatal(err)
				}
				reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				if err := c.create(b.Context(), of.runtime, "", of.snapshot, spec); err != nil {
					b.Fatal(err)
				}
				if _, err := reader.Read(make([]byte, 1)); err != nil {
					b.Fatal(err)
				}
				took := time.Since(began)
				first, least = first+took, min(least, took)
				_, _ = c.exit()
				_ = reader.Close()
				if err := c.Remove(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(first.Microseconds())/float64(b.N), "µs-first-byte/op")
			b.ReportMetric(float64(least.Microseconds()), "µs-least")
		})
	}
}
