package transporttest

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// Holdings is what this process has of the kernel's things.
type Holdings struct {
	Mappings, Descriptors int
	// Resident is in bytes.
	Resident int64
}

// Held counts the holdings. The memory of functions counts as mappings and not as resident:
// a guest's heap may fragment and grow by itself.
func Held(tb testing.TB, functions ...[]byte) Holdings {
	tb.Helper()
	debug.FreeOSMemory()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		tb.Fatal(err)
	}
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	held := Holdings{Descriptors: len(descriptors)}
	counts := true
	for line := range bytes.Lines(smaps) {
		var start, end uintptr
		var size int64
		if n, _ := fmt.Sscanf(string(line), "%x-%x ", &start, &end); n == 2 {
			held.Mappings++
			counts = !slices.ContainsFunc(functions, func(memory []byte) bool {
				return start-uintptr(unsafe.Pointer(unsafe.SliceData(memory))) < uintptr(len(memory))
			})
		} else if counts && strings.HasPrefix(string(line), "Rss:") {
			if n, _ := fmt.Sscanf(string(line), "Rss: %d kB", &size); n == 1 {
				held.Resident += size << 10
			}
		}
	}
	return held
}

// CheckFlat fails the test when more is held than before, beyond what comes and goes, of
// which descriptors says how many there may be.
func CheckFlat(tb testing.TB, before, after Holdings, descriptors int) {
	tb.Helper()
	if after.Mappings > before.Mappings+200 {
		tb.Errorf("%d mappings, %d before", after.Mappings, before.Mappings)
	}
	if after.Descriptors > before.Descriptors+descriptors {
		tb.Errorf("%d descriptors, %d before", after.Descriptors, before.Descriptors)
	}
	// The race detector's own memory grows with what it has seen.
	if !Racing && after.Resident > before.Resident+8<<20 {
		tb.Errorf("%d bytes resident, %d before", after.Resident, before.Resident)
	}
}
