package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"rrbench/catalogue"
)

// process is one of a driver's; numbers are used again, so the start time is a part of it.
type process struct {
	pid     int
	started uint64
	command string
}

// find looks a process up. Its state is that of proc_pid_stat(5), "R" for example, and empty when
// it has ended.
func find(pid int) (p process, state string) {
	found, err := procfs.NewProc(pid)
	if err != nil {
		return p, ""
	}
	stat, err := found.Stat()
	if err != nil || stat.State == "Z" || stat.State == "X" {
		return p, ""
	}
	return process{pid, stat.Starttime, stat.Comm}, stat.State
}

func (p process) state() string {
	found, state := find(p.pid)
	if found.started != p.started {
		return ""
	}
	return state
}

// send sends a signal, which one that has ended does not get.
func (p process) send(number syscall.Signal) { _ = syscall.Kill(p.pid, number) }

// stop stops the process, and says whether it has not ended instead.
func (p process) stop(t *testing.T) bool {
	t.Helper()
	p.send(syscall.SIGSTOP)
	eventually(t, "stop of "+p.command, func() bool { state := p.state(); return state == "T" || state == "" })
	return p.state() != ""
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
		eventually(t, fmt.Sprintf("end of process %d, %s", p.pid, p.command), func() bool { return p.state() == "" })
	}
}

// driver is a sweep that goes on for as long as the test.
type driver struct {
	*exec.Cmd
	process
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
	t.Cleanup(func() { d.kill() })
	d.process, _ = find(d.Process.Pid)
	d.awaitRows(t)
	return d
}

// written is the length of what has been measured.
func (d *driver) written() int64 {
	info, err := os.Stat(filepath.Join(d.directory, "trials.csv"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// awaitRows waits until something more has been measured.
func (d *driver) awaitRows(t *testing.T) {
	t.Helper()
	before := max(d.written(), 1000)
	eventually(t, "more rows", func() bool { return d.written() > before })
}

func (d *driver) kill() {
	_ = d.Process.Kill()
	_ = d.Wait()
}

// The shims of a transport, and the processes that they start, end with the driver.
func TestShimsEndWithTheirDriver(t *testing.T) {
	for _, name := range []string{"user/copy", "kernel/stream", "network/stream", "http/native", "http/wasi", "redis"} {
		t.Run(name, func(t *testing.T) {
			found, err := catalogue.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := found.Check(); err != nil {
				t.Skip(err)
			}
			d := startDriver(t, "--transports", name)
			shims := descendants(t, d.Process.Pid)
			if len(shims) == 0 {
				t.Fatal("the driver has no shims")
			}
			d.kill()
			eventuallyGone(t, shims)
		})
	}
}

// static is the path of this program linked without cgo, so that it also runs in containers.
var static = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(program), "static", filepath.Base(program))
	return path, errors.Join(os.Mkdir(filepath.Dir(path), 0o700), build(path, "CGO_ENABLED=0"))
})

// withContainers makes the program one that can run in containers, for this test. The test's
// containers are kept apart from others, whose drivers would clean up what they find.
func withContainers(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root's containers have control groups and a bridge")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("runc is missing: apt-get install runc")
	}
	path, err := static()
	if err != nil {
		t.Fatal(err)
	}
	dynamic := program
	program = path
	t.Cleanup(func() { program = dynamic })
	t.Setenv("TMPDIR", t.TempDir())
}

// pair is two containers of a driver.
type pair struct {
	// ids are their names, runcs the processes that run them, shims those in them.
	ids          []string
	runcs, shims []process
}

// stopWithPair stops a driver and its shims at a moment at which it has two containers that run.
// Between two visits it has none, or half of them.
func (d *driver) stopWithPair(t *testing.T) (p pair) {
	t.Helper()
	eventually(t, "a driver with two containers", func() bool {
		if !d.stop(t) {
			t.Fatalf("the driver has ended: %s", &d.stderr)
		}
		p = pair{}
		for _, one := range descendants(t, d.Process.Pid) {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", one.pid))
			words := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
			switch {
			case slices.Equal(words, []string{"/rrbench", "shim"}):
				p.shims = append(p.shims, one)
			case strings.HasSuffix(words[0], "runc") && slices.Contains(words, "run"):
				p.ids = append(p.ids, words[len(words)-1])
				p.runcs = append(p.runcs, one)
			}
		}
		// One that is ending does not stop.
		stopped := !slices.ContainsFunc(p.shims, func(shim process) bool { return !shim.stop(t) })
		if stopped && len(p.ids) == 2 && len(p.shims) == 2 {
			return true
		}
		for _, shim := range p.shims {
			shim.send(syscall.SIGCONT)
		}
		d.send(syscall.SIGCONT)
		return false
	})
	return p
}

// leftOf are the paths at which there is something of a container.
func leftOf(id string) []string {
	hierarchies, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", id))
	return slices.DeleteFunc(append(hierarchies, filepath.Join(os.TempDir(), id), filepath.Join("/sys/fs/cgroup", id)), func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// doctorNames are the containers that rrbench doctor names as left behind, in its order.
func doctorNames(t *testing.T) []string {
	t.Helper()
	got := rrbench(t, "doctor")
	if !strings.Contains(got.stdout, "containers left behind") {
		t.Fatalf("status %d: %s%s", got.status, got.stdout, got.stderr)
	}
	return regexp.MustCompile(`rrbench-runc-\w+`).FindAllString(got.stdout, -1)
}

// A driver that is killed leaves nothing; where runc is killed at the same moment, doctor
// names the containers of that run, and the next run removes them, and no others.
func TestDriverOfContainersIsKilled(t *testing.T) {
	for _, network := range []string{"bridge", "host"} {
		t.Run(network, func(t *testing.T) {
			withContainers(t)
			containers := []string{"--transports", "http/container", "--container-net", network}

			d := startDriver(t, containers...)
			killed := d.stopWithPair(t)
			if named := doctorNames(t); len(named) > 0 {
				t.Errorf("doctor names %v, whose driver lives", named)
			}
			d.kill()
			for _, shim := range killed.shims {
				shim.send(syscall.SIGCONT)
			}
			eventuallyGone(t, append(killed.shims, killed.runcs...))
			for _, id := range killed.ids {
				eventually(t, "end of "+id, func() bool { return len(leftOf(id)) == 0 })
			}
			if named := doctorNames(t); len(named) > 0 {
				t.Errorf("doctor names %v, of which nothing is left", named)
			}

			other := startDriver(t, containers...)
			d = startDriver(t, containers...)
			killed = d.stopWithPair(t)
			for _, runc := range killed.runcs {
				runc.send(syscall.SIGKILL)
			}
			d.kill()
			eventuallyGone(t, killed.runcs)
			slices.Sort(killed.ids)
			if named := doctorNames(t); !slices.Equal(named, killed.ids) {
				t.Errorf("doctor names %v, left is %v", named, killed.ids)
			}

			next := rrbench(t, "sweep", "--preset", "smoke", "--quiet", "--transports", "http/container", "--container-net", network, "--codecs", "raw", "--sizes", "1MiB", "--reps", "2", "--out", filepath.Join(t.TempDir(), "next"))
			if next.status != exitOK {
				t.Errorf("the next run: status %d, %s", next.status, next.stderr)
			}
			eventuallyGone(t, killed.shims)
			for _, id := range killed.ids {
				if left := leftOf(id); len(left) > 0 {
					t.Errorf("after the next run there still is %v", left)
				}
			}
			if named := doctorNames(t); len(named) > 0 {
				t.Errorf("after the next run doctor names %v", named)
			}
			other.awaitRows(t)
		})
	}
}

// A container whose shim is killed is a failed row with its cause; the other cells are measured.
func TestContainerIsKilled(t *testing.T) {
	withContainers(t)
	d := startDriver(t, "--transports", "http/container", "--container-net", "host", "--reps", "30", "--sizes", "1MiB", "--deadline", "5s")
	killed := d.stopWithPair(t)
	killed.shims[1].send(syscall.SIGKILL)
	killed.shims[0].send(syscall.SIGCONT)
	d.send(syscall.SIGCONT)
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
	for _, id := range killed.ids {
		if left := leftOf(id); len(left) > 0 {
			t.Errorf("left is %v", left)
		}
	}
}
