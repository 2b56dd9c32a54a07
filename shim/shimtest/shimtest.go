// Package shimtest has what tests of shims share.
package shimtest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Roles are what a test program does instead of its tests, by its first argument.
type Roles map[string]func() error

// Play plays the role of this process, if it has one, and exits.
func (r Roles) Play() {
	if len(os.Args) < 2 || r[os.Args[1]] == nil {
		return
	}
	if err := r[os.Args[1]](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Main plays a role, or runs the tests, after which no goroutine may be left.
func Main(m *testing.M, roles Roles) {
	roles.Play()
	// The thread that starts processes stays.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("rrbench/child.last"))
}

// Build makes a static program at the path, of a package or a file. Unlike go build, go run links only what has changed.
func Build(source, path string) error {
	command := exec.Command("go", "run", "-exec", "cp", source, path)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, output)
	}
	return nil
}

// Eventually waits up to a minute until nothing is wrong.
func Eventually(t testing.TB, what string, wrong func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := wrong()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}
