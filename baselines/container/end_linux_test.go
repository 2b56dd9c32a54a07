package container

import (
	"bufio"
	"context"
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

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// inventory is what containers could leave behind in this process and on this machine.
type inventory struct {
	descriptors, namespaces, interfaces int
	groups, records                     []string
}

func takeInventory(t *testing.T) inventory {
	t.Helper()
	var i inventory
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	i.descriptors = len(entries)
	spaces := make(map[string]bool)
	// Threads too: one that was not brought back would keep a namespace.
	links, _ := filepath.Glob("/proc/self/task/*/ns/net")
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			spaces[name] = true
		}
	}
	i.namespaces = len(spaces)
	devices, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	i.interfaces = len(devices)
	i.groups = groups()
	i.records = stateOf(os.Geteuid()).ids()
	return i
}

func TestNothingIsLeft(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		t.Run(string(network), func(t *testing.T) {
			onNetwork(t, network)
			// The first pair opens what the process keeps.
			once := func() []string {
				pair, err := open(setupFor(network, 1<<16, 2))
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(pair.send(1), pair.Close()); err != nil {
					t.Error(err)
				}
				// Closing twice is harmless.
				if err := pair.Close(); err != nil {
					t.Error(err)
				}
				return []string{pair.source().id, pair.target(0).id, pair.target(1).id}
			}
			once()
			before := takeInventory(t)
			ignored := goleak.IgnoreCurrent()
			for _, id := range append(once(), once()...) {
				if left := remains(id); len(left) > 0 {
					t.Errorf("left of container %s: %v", id, left)
				}
			}
			if after := takeInventory(t); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("after closing there is %+v, before opening there was %+v", after, before)
			}
			goleak.VerifyNone(t, ignored)
		})
	}
}

func TestStartFails(t *testing.T) {
	onNetwork(t, Host)
	before := takeInventory(t)
	good := findProgram
	defer func() { findProgram = good }()
	for _, test := range []struct {
		name, program, want string
	}{
		{"program that ends", "/bin/true", ""},
		{"no program", "/nonexistent/function", "not built"},
		{"not a program", "/etc/hostname", "cannot be run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			findProgram = func() (string, error) {
				if test.want == "" {
					return static(t), nil
				}
				return test.program, checkStatic(test.program)
			}
			_, err := New().Serve(context.Background(), setupFor(Host, 1, 1))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v", err)
			}
			t.Log(err)
		})
	}
	if after := takeInventory(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("after failures there is %+v, before there was %+v", after, before)
	}
}

// static builds a program that is not the function.
func static(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	source := filepath.Join(directory, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() { panic(\"no function\") }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "program")
	command := exec.Command("go", "build", "-o", path, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path
}

func TestStartIsInterrupted(t *testing.T) {
	onNetwork(t, Host)
	before := takeInventory(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	because := errors.New("interrupted")
	cancel(because)
	if _, err := New().Serve(ctx, setupFor(Host, 1, 1)); !errors.Is(err, because) {
		t.Errorf("error %v, want %v", err, because)
	}
	if after := takeInventory(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("after an interruption there is %+v, before there was %+v", after, before)
	}
}

// members are the processes of a container.
func members(t *testing.T, id string) []int {
	t.Helper()
	var pids []int
	for _, tree := range trees() {
		file, err := os.Open(filepath.Join(tree, id, "cgroup.procs"))
		if err != nil {
			continue
		}
		for {
			var pid int
			if _, err := fmt.Fscan(file, &pid); err != nil {
				break
			}
			pids = append(pids, pid)
		}
		file.Close()
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// A container that is killed half-way is a failed delivery or a failed send, at once.
func TestContainerIsKilled(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		for _, who := range []string{"target", "source"} {
			for _, when := range []string{"before", "during"} {
				t.Run(fmt.Sprintf("%s/%s/%s", network, who, when), func(t *testing.T) {
					onNetwork(t, network)
					setup := setupFor(network, 256<<20, 1)
					pair := mustOpen(t, setup)
					victim := pair.target(0)
					if who == "source" {
						victim = pair.source()
					}
					pids := members(t, victim.id)
					if len(pids) != 1 {
						t.Skipf("container %s has processes %v", victim.id, pids)
					}
					if err := pair.send(1); err != nil {
						t.Fatal(err)
					}
					if when == "before" {
						kill(t, pids[0])
						eventuallyGone(t, victim.id)
					} else {
						time.AfterFunc(30*time.Millisecond, func() { _ = unix.Kill(pids[0], unix.SIGKILL) })
					}
					began := time.Now()
					err := pair.Send(&pair.handoff)
					if took := time.Since(began); took > setup.Deadline/2 {
						t.Errorf("it took %v to notice", took)
					}
					if err == nil {
						err = pair.handoff.Deliveries[0].Err
					}
					if err == nil || strings.Contains(err.Error(), "\n") {
						t.Errorf("error %v", err)
					}
					t.Log(err)
					eventuallyGone(t, victim.id)
				})
			}
		}
	}
}

func TestShimIsKilled(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		t.Run(string(network), func(t *testing.T) {
			onNetwork(t, network)
			owner, ids := startShim(t, network)
			for _, id := range ids {
				if len(remains(id)) == 0 {
					t.Errorf("nothing of container %s to be seen", id)
				}
			}
			if left := Leftovers(); slices.ContainsFunc(left, func(id string) bool { return slices.Contains(ids, id) }) {
				t.Errorf("leftovers %v though their owner lives", left)
			}
			kill(t, owner.Process.Pid)
			_ = owner.Wait()
			for _, id := range ids {
				eventuallyGone(t, id)
			}
		})
	}
}

// Where runc is killed too, something is left, until the next run.
func TestShimAndRuncAreKilled(t *testing.T) {
	onNetwork(t, Bridge)
	owner, ids := startShim(t, Bridge)
	_, livingIDs := startShim(t, Bridge)
	for _, id := range ids {
		commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range commands {
			text, _ := os.ReadFile(path)
			if words := strings.Split(string(text), "\x00"); strings.HasSuffix(words[0], "runc") && slices.Contains(words, id) {
				var pid int
				if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
					t.Fatal(err)
				}
				kill(t, pid)
			}
		}
	}
	kill(t, owner.Process.Pid)
	_ = owner.Wait()

	stranger := filepath.Join(cgroupRoot, "memory", prefix+"not-ours")
	if err := os.Mkdir(stranger, 0o755); err == nil {
		defer os.Remove(stranger)
	}
	left := Leftovers()
	for _, id := range ids {
		if !slices.Contains(left, id) {
			t.Errorf("leftovers %v lack %s", left, id)
		}
	}
	if err := Clean(); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		eventuallyGone(t, id)
	}
	if left := Leftovers(); len(left) > 0 {
		t.Errorf("after cleaning there is %v", left)
	}
	for _, id := range livingIDs {
		if len(members(t, id)) != 1 {
			t.Errorf("cleaning has taken container %s, whose owner lives", id)
		}
	}
	if _, err := os.Stat(filepath.Dir(stranger)); err == nil {
		if _, err := os.Stat(stranger); err != nil {
			t.Errorf("cleaning has taken what is not ours: %v", err)
		}
	}
}

// Without privileges a pair runs on the host's network, and a bridge is refused.
func TestWithoutPrivileges(t *testing.T) {
	onNetwork(t, Host)
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	_, ids := startShim(t, Network(""), nobody)
	for _, id := range ids {
		if slices.Contains(groups(), id) {
			t.Errorf("container %s of an unprivileged user has a control group", id)
		}
	}
	command := shim(t, Bridge, nobody)
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "a bridge needs root") {
		t.Errorf("%v: %s", err, output)
	}
}

// nobody is an unprivileged user.
func nobody(command *exec.Cmd) {
	const id = 65534
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
	command.Env = append(command.Env, "XDG_RUNTIME_DIR=", "TMPDIR=")
}

// shim is a process with a pair of containers.
func shim(t *testing.T, network Network, options ...func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else could not read the directory that this binary is in.
	executable := filepath.Join(filepath.Dir(program), "shim")
	if _, err := os.Stat(executable); err != nil {
		content, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(executable, content, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(executable)
	command.Env = append(os.Environ(), roleVariable+"=shim", programVariable+"="+program, networkVariable+"="+string(network))
	for _, option := range options {
		option(command)
	}
	return command
}

// startShim starts a shim, which is ended with the test, and returns the names of its
// containers.
func startShim(t *testing.T, network Network, options ...func(*exec.Cmd)) (command *exec.Cmd, ids []string) {
	t.Helper()
	command = shim(t, network, options...)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the shim said %q: %v", line, err)
	}
	return command, strings.Fields(line)
}
