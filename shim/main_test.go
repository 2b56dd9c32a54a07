package shim

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test program be its own shim, and a driver that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "shim":
			if err := Serve(findFake); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "driver":
			if err := driveForEver(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("rrbench/child.last"))
}
