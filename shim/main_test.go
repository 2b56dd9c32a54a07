package shim

import (
	"testing"

	"rrbench/shim/shimtest"
)

// TestMain lets the test program be its own shim, and a driver that can be killed.
func TestMain(m *testing.M) {
	shimtest.Main(m, shimtest.Roles{"shim": func() error { return Serve(findFake) }, "driver": driveForEver})
}
