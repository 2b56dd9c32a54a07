package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	transports "rrbench/catalogue"
	"rrbench/shim/runc"
	"rrbench/transport"
)

// process is one of a driver's; numbers are used again, so the start time is a part of it.
type process struct {
	pid     int
	started uint64
	command string
}

func (p process) alive() bool {
	found, err := procfs.NewProc(p.pid)
	if err != nil {
		return false
	}
	stat, err := found.Stat()
	return err == nil && stat.Starttime == p.started && stat.State != "Z" && stat.State != "X"
}

// descendants are the processes that a process has started, and theirs.
func descendants(t *testing.T, of int) []process {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	family := map[int]bool{of: true}
	var found []process
	for grown := true; grown; {
		grown = false
		for _, one := range all {
			stat, err := one.Stat()
			if err != nil || family[one.PID] || !family[stat.PPID] {
				continue
			}
			family[one.PID], grown = true, true
			found = append(found, process{one.PID, stat.Starttime, stat.Comm})
		}
	}
	return found
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not met in time: %s", what)
		}
	}
}

// eventuallyGone waits until each of the processes has ended.
func eventuallyGone(t *testing.T, processes []process) {
	t.Helper()
	for _, p := range processes {
		eventually(t, fmt.Sprintf("end of process %d, %s", p.pid, p.command), func() bool { return !p.alive() })
	}
}

// driver is a sweep that goes on for as long as the test.
type driver struct {
	*exec.Cmd
	directory string
	stderr    bytes.Buffer
}

// startDriver starts a sweep of many rounds and waits until payloads are on their way. The
// functions of a visit live for some seconds.
func startDriver(t *testing.T, arguments ...string) *driver {
	t.Helper()
	d := &driver{directory: filepath.Join(t.TempDir(), "run")}
	d.Cmd = exec.Command(program, append([]string{"sweep", "--quiet", "--codecs", "raw", "--engines", "wazero", "--sizes", "32MiB", "--reps", "100000", "--out", d.directory}, arguments...)...)
	d.Stderr = &d.stderr
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Process.Kill()
		_ = d.Wait()
	})
	d.moves(t)
	return d
}

// rows is the length of what has been measured.
func (d *driver) rows() int64 {
	info, err := os.Stat(filepath.Join(d.directory, "trials.csv"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// moves waits until something more has been measured.
func (d *driver) moves(t *testing.T) {
	t.Helper()
	before := max(d.rows(), 1000)
	eventually(t, "a payload on its way", func() bool { return d.rows() > before })
}

func (d *driver) kill(t *testing.T) {
	t.Helper()
	if err := d.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.Wait()
}

// Whatever processes take part in a transport, none of them outlives the driver.
func TestNobodyOutlivesTheDriver(t *testing.T) {
	for _, name := range []string{"user/copy", "kernel/stream", "network/stream", "http/native", "http/wasi", "redis"} {
		t.Run(name, func(t *testing.T) {
			mustRunHere(t, name)
			d := startDriver(t, "--transports", name)
			family := descendants(t, d.Process.Pid)
			if len(family) == 0 {
				t.Fatal("the driver has no shims")
			}
			d.kill(t)
			eventuallyGone(t, family)
		})
	}
}

// mustRunHere skips the test where a transport cannot run.
func mustRunHere(t *testing.T, name string) {
	t.Helper()
	found, err := transports.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var missing *transport.Unavailable
	// Without --container-net or --redis; what stands in for a server has no process.
	if err := found.Check(); errors.As(err, &missing) && missing.Reason != "" && !strings.Contains(missing.Reason, "is not built") {
		t.Skip(err)
	}
}

// withContainers builds what containers run, beside the program.
func withContainers(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root's containers have control groups and a bridge")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("runc is missing: apt-get install runc")
	}
	static := filepath.Join(filepath.Dir(program), "static", "rrbench")
	build := exec.Command("go", "build", "-o", static, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build a static program: %v\n%s", err, out)
	}
	dynamic := program
	program = static
	t.Cleanup(func() { program = dynamic })
	if left := runc.Leftovers(); len(left) > 0 {
		t.Logf("before the test there is %v", left)
	}
}

// containersOf names the containers of a family of processes: runc's last argument.
func containersOf(family []process) (ids []string, runcs []process) {
	for _, p := range family {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		words := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
		if err == nil && strings.HasSuffix(words[0], "runc") && slices.Contains(words, "run") {
			ids = append(ids, words[len(words)-1])
			runcs = append(runcs, p)
		}
	}
	return ids, runcs
}

// shimsOf are those of a family that run this program.
func shimsOf(family []process) []process {
	return slices.DeleteFunc(slices.Clone(family), func(p process) bool { return p.command != filepath.Base(program) })
}

// places are the paths at which something of a container may be.
func places(id string) []string {
	paths := []string{filepath.Join("/run/rrbench/bundles", id), filepath.Join("/run/rrbench/runc", id), filepath.Join("/sys/fs/cgroup", id)}
	v1, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", id))
	return slices.DeleteFunc(append(paths, v1...), func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// doctorNames says which of the containers rrbench doctor names.
func doctorNames(t *testing.T, ids []string) (named []string) {
	t.Helper()
	got := rrbench(t, "doctor")
	if !strings.Contains(got.stdout, "containers left behind") {
		t.Fatalf("status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	for _, id := range ids {
		if strings.Contains(got.stdout, id) {
			named = append(named, id)
		}
	}
	return named
}

// A driver that is killed leaves nothing; where runc is killed at the same moment, doctor
// names the containers of that run, and the next run removes them, and no others.
func TestDriverOfContainersIsKilled(t *testing.T) {
	for _, network := range []string{"bridge", "host"} {
		t.Run(network, func(t *testing.T) {
			withContainers(t)
			containers := []string{"--transports", "http/container", "--container-net", network}

			d := startDriver(t, containers...)
			family := descendants(t, d.Process.Pid)
			ids, _ := containersOf(family)
			if len(ids) != 2 {
				t.Fatalf("containers %v among %v: %s", ids, family, &d.stderr)
			}
			if named := doctorNames(t, ids); len(named) > 0 {
				t.Errorf("doctor names %v, whose driver lives", named)
			}
			d.kill(t)
			eventuallyGone(t, family)
			for _, id := range ids {
				eventually(t, "end of "+id, func() bool { return len(places(id)) == 0 })
			}
			if named := doctorNames(t, ids); len(named) > 0 {
				t.Errorf("doctor names %v, of which nothing is left", named)
			}

			neighbour := startDriver(t, containers...)
			theirs, _ := containersOf(descendants(t, neighbour.Process.Pid))
			d = startDriver(t, containers...)
			family = descendants(t, d.Process.Pid)
			ids, runcs := containersOf(family)
			if len(ids) != 2 || len(theirs) != 2 {
				t.Fatalf("containers %v and %v", ids, theirs)
			}
			// A shim that outlived its driver for a moment would still clean up.
			tell(t, append(shimsOf(family), runcs...), syscall.SIGSTOP)
			d.kill(t)
			tell(t, runcs, syscall.SIGKILL)
			eventuallyGone(t, family)
			for _, id := range ids {
				if len(places(id)) == 0 {
					t.Errorf("nothing is left of %s, though its runc was killed", id)
				}
			}
			if named := doctorNames(t, append(slices.Clone(ids), theirs...)); !slices.Equal(named, ids) {
				t.Errorf("doctor names %v, left is %v", named, ids)
			}

			next := rrbench(t, "sweep", "--quiet", "--transports", "http/container", "--container-net", network, "--codecs", "raw", "--sizes", "1MiB", "--reps", "2", "--out", filepath.Join(t.TempDir(), "next"))
			if next.status != exitOK {
				t.Errorf("the next run: status %d, %s", next.status, next.stderr)
			}
			for _, id := range ids {
				if left := places(id); len(left) > 0 {
					t.Errorf("after the next run there still is %v", left)
				}
			}
			if named := doctorNames(t, append(ids, theirs...)); len(named) > 0 {
				t.Errorf("after the next run doctor names %v", named)
			}
			neighbour.moves(t)
		})
	}
}

func tell(t *testing.T, processes []process, number syscall.Signal) {
	t.Helper()
	for _, p := range processes {
		if err := syscall.Kill(p.pid, number); err != nil {
			t.Fatalf("send %v to %s, process %d: %v", number, p.command, p.pid, err)
		}
	}
}

// A container whose program is killed half-way is a failed row with its cause; the other
// cells are measured.
func TestContainerIsKilledHalfWay(t *testing.T) {
	withContainers(t)
	d := startDriver(t, "--transports", "http/container", "--container-net", "host", "--reps", "9", "--sizes", "1MiB", "--deadline", "5s")
	var ids []string
	// Between two visits there are none, or half of them.
	eventually(t, "a container to be killed", func() bool {
		if ids, _ = containersOf(descendants(t, d.Process.Pid)); len(ids) != 2 {
			return false
		}
		return exec.Command("runc", "--root", "/run/rrbench/runc", "kill", ids[1], "KILL").Run() == nil
	})
	err := d.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Fatalf("%v: %s", err, &d.stderr)
	}
	summary, err := os.ReadFile(filepath.Join(d.directory, "summary.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(summary)), "\n")
	if len(lines) != 3 || strings.Count(string(summary), ",failed,") != 1 || strings.Count(string(summary), ",ok,") != 1 || !strings.Contains(string(summary), "SIGKILL") {
		t.Errorf("%s", summary)
	}
	for _, id := range ids {
		if left := places(id); len(left) > 0 {
			t.Errorf("left is %v", left)
		}
	}
}
