package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rrbench/results"
)

// TestLoopbackIsDown sweeps in a new network namespace: what needs TCP is skipped there, with
// the command that mends it, and the rest is measured.
func TestLoopbackIsDown(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "run")
	command := exec.Command(program, "sweep", "--quiet", "--transports", "network,http/native,http/wasi,http/external,limit/tcp,redis,kernel/stream",
		"--engines", "wazero", "--codecs", "raw", "--redis", "tcp", "--url", "http://localhost:1/", "--sizes", "64KiB", "--reps", "1", "--out", directory)
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	output, err := command.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("this user may not make a network namespace")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, trial := range trials(t, directory) {
		want := results.Skipped
		if trial.Transport == "kernel/stream" {
			want = results.OK
		}
		if trial.Status != want || want == results.Skipped && !strings.Contains(trial.Reason, "(ip link set lo up)") {
			t.Errorf("%s is %s: %s", trial.Transport, trial.Status, trial.Reason)
		}
	}
}
