//go:build linux

// Containerd-shim-roadrunner-v1 runs WebAssembly functions for containerd, which starts it by
// itself; see docs/containerd.md.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"rrbench/shim/containerd/task"
)

func main() {
	version := "(devel)"
	if build, ok := debug.ReadBuildInfo(); ok {
		version = build.Main.Version
	}
	if err := task.Main(version, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "roadrunner:", err)
		os.Exit(1)
	}
}
