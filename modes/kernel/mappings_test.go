package kernel

import (
	"os"
	"strings"
	"testing"
)

// mappings counts the mappings of payloads' memory files in this process.
func mappings(t testing.TB) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), "rrbench-payload")
}
