package measure

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// childVariable makes the test binary print its clock's error and exit.
const childVariable = "MEASURE_TEST_PRINT_CLOCK_ERROR"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		lower, upper := clockError()
		fmt.Println(lower, upper)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// clockError bounds Now less CLOCK_MONOTONIC: what was read before the system call is
// earlier than it, what was read after is later, so each try narrows both bounds.
func clockError() (lower, upper int64) {
	lower, upper = math.MinInt64, math.MaxInt64
	for range 10_000 {
		var ts unix.Timespec
		before := Now()
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		after := Now()
		lower = max(lower, before-ts.Nano())
		upper = min(upper, after-ts.Nano())
	}
	return lower, upper
}

// Processes that agree with the machine's clock agree with one another. What is measured of the
// difference is a range, in which none at all must lie.
func TestNowAgreesBetweenProcesses(t *testing.T) {
	for range 4 {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), childVariable+"=1")
		output, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		var lower, upper int64
		if _, err := fmt.Sscan(string(output), &lower, &upper); err != nil {
			t.Fatalf("child printed %q: %v", output, err)
		}
		if lower > 0 || upper < 0 {
			t.Errorf("a process' clock is off by between %d and %d ns", lower, upper)
		}
	}
}
