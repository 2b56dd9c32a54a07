package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rrbench/results"
)

// agentOf starts an agent and returns its process and its join line.
func agentOf(t *testing.T, arguments ...string) (*exec.Cmd, string) {
	t.Helper()
	command := exec.Command(program, append([]string{"agent", "--listen", "127.0.0.1:0"}, arguments...)...)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return command, strings.TrimSpace(line)
}

// statuses counts the rows of a run by transport and status.
func statuses(t *testing.T, directory string) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for _, row := range results.Latest(trials(t, directory)) {
		counts[row.Transport+" "+string(row.Status)]++
		if row.Status == results.OK && (row.Placement != "inter" || row.Clock == results.ClockShared || row.Latency <= 0) {
			t.Errorf("implausible: %+v", row)
		}
	}
	return counts
}

// TestAgentIsLost kills an agent under a sweep: the sweep ends, and goes on with another agent.
func TestAgentIsLost(t *testing.T) {
	agent, line := agentOf(t)
	directory := filepath.Join(t.TempDir(), "run")
	sweep := exec.Command(program, "sweep", "--quiet", "--placement", "inter", "--peer", line, "--transports", "limit/tcp,http/native", "--codecs", "raw",
		"--sizes", "32MiB", "--starts", "8", "--rounds", "3", "--deadline", "5s", "--out", directory)
	var stderr bytes.Buffer
	sweep.Stderr = &stderr
	if err := sweep.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "rows", func() bool {
		text, _ := os.ReadFile(filepath.Join(directory, "trials.csv"))
		return bytes.Count(text, []byte(",ok,")) > 4
	})
	left := descendants(t, agent.Process.Pid)
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventuallyGone(t, left)
	_ = sweep.Wait()
	before := statuses(t, directory)
	if before["limit/tcp skipped"]+before["http/native skipped"] == 0 {
		t.Fatalf("%v: %s", before, stderr.String())
	}
	manifest, err := os.ReadFile(filepath.Join(directory, "manifest.json"))
	if token := line[strings.Index(line, "token=")+len("token="):]; err != nil || bytes.Contains(manifest, []byte(token)) {
		t.Errorf("the manifest holds the token, or %v", err)
	}
	agent, line = agentOf(t)
	if got := rrbench(t, "sweep", "--quiet", "--resume", directory, "--peer", line); got.status == exitUsage || strings.Contains(got.stderr, line) {
		t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	after := statuses(t, directory)
	for name, n := range before {
		if strings.HasSuffix(name, " ok") && after[name] < n {
			t.Errorf("%s: %d before, %d after", name, n, after[name])
		}
	}
	if after["limit/tcp ok"] != 2*8*4 && after["http/native ok"] != 2*8*4 && after["limit/tcp ok"]+after["http/native ok"] <= before["limit/tcp ok"]+before["http/native ok"] {
		t.Errorf("before %v, after %v", before, after)
	}
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err != nil {
		t.Errorf("the agent ends with %v", err)
	}
}

// twoNodes runs a script on one of two nodes, with "rrbench sweep" and a run directory in its variables.
func twoNodes(t *testing.T, rate, script string) (directory string, output string, status int) {
	t.Helper()
	if out, err := exec.Command("../../scripts/two-nodes", "--rate", rate, "--", "tc", "qdisc", "show", "dev", "cable").CombinedOutput(); err != nil {
		t.Skipf("two nodes cannot be had here: %v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	directory = filepath.Join(t.TempDir(), "run")
	command := exec.CommandContext(ctx, "../../scripts/two-nodes", "--rate", rate, "--", "bash", "-euc", script)
	command.Env = append(os.Environ(), "RRBENCH="+program, "out="+directory)
	out, err := command.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return directory, string(out), command.ProcessState.ExitCode()
}

func TestTwoNodes(t *testing.T) {
	directory, output, status := twoNodes(t, "1gbit",
		`rrbench sweep --preset smoke --quiet --placement inter --transports limit/tcp,http/native,limit/redis --codecs raw --sizes 4MiB --fanout 2 --reps 1 --out "$out"`)
	if status != exitOK {
		t.Fatalf("status %d: %s", status, output)
	}
	for _, row := range trials(t, directory) {
		// A gigabit a second carries no payload faster, and the other clock is a day ahead.
		if fastest := row.SizeBytes * 8 / 2; row.Status != results.OK || row.Latency > int64(time.Minute) || row.Latency < fastest {
			t.Errorf("%s is %s %s after %d ns by the clock %s", row.Transport, row.Status, row.Reason, row.Latency, row.Clock)
		}
	}
	run, err := results.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := run.Manifest()
	if err != nil || len(manifest.Peers) != 1 || manifest.Peers[0].Link.Here.Name != "cable" || manifest.Peers[0].Link.There.MTU != 1500 {
		t.Errorf("peers %+v, %v", manifest.Peers, err)
	}
}

// TestNothingIsLeftOfTwoNodes kills the script in each way.
func TestNothingIsLeftOfTwoNodes(t *testing.T) {
	twoNodes(t, "none", "true")
	for _, number := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		script := exec.Command("../../scripts/two-nodes", "--rate", "none", "--", "sh", "-c", "echo $RRBENCH_PEER; exec sleep 1000")
		script.Env = append(os.Environ(), "RRBENCH="+program)
		out, err := script.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := script.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "rrbench://") {
			t.Errorf("%q, %v", line, err)
		}
		left := descendants(t, script.Process.Pid)
		if len(left) < 4 {
			t.Errorf("%d processes", len(left))
		}
		if err := script.Process.Signal(number); err != nil {
			t.Fatal(err)
		}
		_ = script.Wait()
		eventuallyGone(t, left)
	}
}
