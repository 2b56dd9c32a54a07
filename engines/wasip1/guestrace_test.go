//go:build race

package wasip1_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestGoGuests runs itself without the race detector, under which wazero takes minutes to
// compile net/http. What the detector looks for, the other tests do without a compiler.
func TestGoGuests(t *testing.T) {
	run := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run=^TestGoGuests$", ".")
	run.Env = append(os.Environ(), "GOFLAGS=")
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
