package runc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"rrbench/shim"
	"rrbench/shim/network"
	"rrbench/shim/shimtest"
	"rrbench/transport"
)

// inventory is what containers could leave behind in this process and on this machine.
type inventory struct {
	descriptors int
	namespaces  map[string]bool
	// interfaces are those of the kinds that a bridge is made of, directories those of containers.
	interfaces, directories []string
}

func takeInventory(t *testing.T) inventory {
	t.Helper()
	found := inventory{namespaces: make(map[string]bool)}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	found.descriptors = len(entries)
	// Threads too: one that was not brought back would keep a namespace.
	links, _ := filepath.Glob("/proc/self/task/*/ns/net")
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			found.namespaces[name] = true
		}
	}
	devices, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		if name := device.Attrs().Name; name == network.BridgeName || strings.HasPrefix(name, "port") {
			found.interfaces = append(found.interfaces, name)
		}
	}
	if found.directories, err = filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil {
		t.Fatal(err)
	}
	return found
}

// eventuallyAsBefore waits until there is what there was.
func eventuallyAsBefore(t *testing.T, before inventory) {
	t.Helper()
	shimtest.Eventually(t, fmt.Sprintf("before there was %+v", before), func() error {
		if after := takeInventory(t); !reflect.DeepEqual(after, before) {
			return fmt.Errorf("now there is %+v", after)
		}
		return nil
	})
}

func TestNothingIsLeft(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		t.Run(string(network), func(t *testing.T) {
			l := onNetwork(t, network)
			once := func() {
				cell, err := l.open(t.Context(), transport.Raw, 1<<16, 2)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := cell.Run(t.Context(), batch(1<<16, 1), func(r shim.Record) error { return r.Err }); err != nil {
					t.Error(err)
				}
				if err := cell.Close(); err != nil {
					t.Error(err)
				}
			}
			// The first cell opens what the process keeps.
			once()
			before, ignored := takeInventory(t), goleak.IgnoreCurrent()
			once()
			once()
			if len(l.ids) != 9 {
				t.Errorf("containers %v", l.ids)
			}
			for _, id := range l.ids {
				if left := remains(os.TempDir(), id); len(left) > 0 {
					t.Errorf("left of container %s: %v", id, left)
				}
			}
			eventuallyAsBefore(t, before)
			goleak.VerifyNone(t, ignored)
		})
	}
}

func TestStartFails(t *testing.T) {
	l := onNetwork(t, Host)
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() { panic(\"no function\") }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ends := filepath.Join(public, "ends")
	if err := shimtest.Build(source, ends); err != nil {
		t.Fatal(err)
	}
	before := takeInventory(t)
	for _, test := range []struct {
		name, program, want string
		unavailable         bool
	}{
		{"program that ends", ends, "panic: no function", false},
		{"no program", "/nonexistent/rrbench", "is not built (make build)", true},
		{"not a program", "/etc/hostname", "cannot be run", true},
		{"dynamic program", "/bin/sh", "needs shared libraries", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "dynamic program" && checkStatic(test.program) == nil {
				t.Skipf("%s is linked statically", test.program)
			}
			l.Program = test.program
			_, err := l.open(t.Context(), transport.Raw, 1, 1)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			var missing *transport.Unavailable
			if errors.As(err, &missing) != test.unavailable || test.unavailable && missing.Remedy != "make build" {
				t.Errorf("error %v", err)
			}
			t.Log(err)
		})
	}
	eventuallyAsBefore(t, before)
}

func TestStartIsInterrupted(t *testing.T) {
	for _, after := range []time.Duration{0, 20 * time.Millisecond} {
		l := onNetwork(t, Host)
		before := takeInventory(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		because := errors.New("interrupted")
		time.AfterFunc(after, func() { cancel(because) })
		cell, err := l.open(ctx, transport.Raw, 1, 3)
		switch {
		case err == nil:
			err = cell.Close()
		case errors.Is(err, because):
			err = nil
		}
		if err != nil {
			t.Errorf("interrupted after %v: %v", after, err)
		}
		eventuallyGone(t, os.TempDir(), l.ids)
		eventuallyAsBefore(t, before)
	}
}

// A container that is killed is a failed batch or a failed record, and how it ended is reported.
func TestContainerIsKilled(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		for victim, name := range []string{"source", "target"} {
			for _, when := range []string{"before", "during"} {
				t.Run(fmt.Sprintf("%s/%s/%s", network, name, when), func(t *testing.T) {
					const size = 16 << 20
					l := onNetwork(t, network)
					cell, err := l.open(t.Context(), transport.Raw, size, 1)
					if err != nil {
						t.Fatal(err)
					}
					pid, err := cell.Shims()[victim].PID()
					if err != nil {
						t.Fatal(err)
					}
					if when == "before" {
						kill(t, pid)
					}
					var failed error
					_, err = cell.Run(t.Context(), batch(size, 1<<20), func(r shim.Record) error {
						if r.Round == 0 && when == "during" {
							time.AfterFunc(30*time.Millisecond, func() { _ = unix.Kill(pid, unix.SIGKILL) })
						}
						failed = r.Err
						return nil
					})
					told := errors.Join(err, failed, cell.Ended())
					if (err == nil) == (failed == nil) {
						t.Errorf("the batch failed with %v, its last record with %v", err, failed)
					}
					if text := fmt.Sprint(told); !strings.Contains(text, "SIGKILL") || strings.Contains(text, "deadline") || strings.Contains(text, "timeout") {
						t.Errorf("error %v", told)
					}
					t.Log(told)
					if err := cell.Close(); err != nil {
						t.Log(err)
					}
					eventuallyGone(t, os.TempDir(), l.ids)
				})
			}
		}
	}
}

func TestDriverIsKilled(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		t.Run(string(network), func(t *testing.T) {
			onNetwork(t, network)
			driver, ids := startDriver(t, network)
			for _, id := range ids {
				if len(remains(os.TempDir(), id)) == 0 {
					t.Errorf("nothing of container %s to be seen", id)
				}
			}
			if left := Leftovers(); len(left) > 0 {
				t.Errorf("leftovers %v though their driver lives", left)
			}
			kill(t, driver.Process.Pid)
			_ = driver.Wait()
			eventuallyGone(t, os.TempDir(), ids)
		})
	}
}

// Where runc is killed too, something is left, until the next run.
func TestDriverAndRuncAreKilled(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		t.Run(string(network), func(t *testing.T) {
			onNetwork(t, network)
			driver, ids := startDriver(t, network)
			_, theirs := startDriver(t, network)
			// A driver that goes on for a moment would remove what its first runc has left.
			freeze(t, driver.Process.Pid)
			for pid, words := range commands() {
				if strings.HasSuffix(words[0], "runc") && slices.Contains(ids, words[len(words)-1]) {
					kill(t, pid)
				}
			}
			kill(t, driver.Process.Pid)
			_ = driver.Wait()

			slices.Sort(ids)
			if left := Leftovers(); !slices.Equal(left, ids) {
				t.Errorf("leftovers %v, want %v", left, ids)
			}
			if err := Clean(); err != nil {
				t.Error(err)
			}
			eventuallyGone(t, os.TempDir(), ids)
			if left := Leftovers(); len(left) > 0 {
				t.Errorf("after cleaning there is %v", left)
			}
			// Runc, its directory, and root's control group.
			least := 2
			if os.Geteuid() == 0 {
				least = 3
			}
			for _, id := range theirs {
				if left := remains(os.TempDir(), id); len(left) < least {
					t.Errorf("of container %s, whose driver lives, there is %v", id, left)
				}
			}
		})
	}
}

// Without privileges a pair runs on the host's network, and a bridge is refused.
func TestWithoutPrivileges(t *testing.T) {
	onNetwork(t, Host)
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	driver, ids := startDriver(t, "", unprivileged)
	for _, id := range ids {
		for _, tree := range trees() {
			if _, err := os.Stat(filepath.Join(tree, id)); err == nil {
				t.Errorf("container %s of an unprivileged user has a control group", id)
			}
		}
	}
	kill(t, driver.Process.Pid)
	_ = driver.Wait()
	eventuallyGone(t, "/tmp", ids)
	output, err := newDriver(t, Bridge, unprivileged).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "a bridge needs root") {
		t.Errorf("%v: %s", err, output)
	}
}

// unprivileged makes a command one of a user without privileges.
func unprivileged(command *exec.Cmd) {
	const id = 65534
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
	command.Env = append(command.Env, "TMPDIR=")
}

// newDriver is a process with a pair of containers.
func newDriver(t *testing.T, network Network, options ...func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	// Other users cannot read the directory that this program is in.
	executable := filepath.Join(public, "driver")
	if _, err := os.Stat(executable); err != nil {
		content, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(executable, content, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(executable)
	command.Env = append(os.Environ(), networkVariable+"="+string(network), programVariable+"="+program)
	for _, option := range options {
		option(command)
	}
	return command
}

// startDriver starts a driver, which is ended with the test, and returns the names of its
// containers.
func startDriver(t *testing.T, network Network, options ...func(*exec.Cmd)) (command *exec.Cmd, ids []string) {
	t.Helper()
	command = newDriver(t, network, options...)
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
	if ids = strings.Fields(line); err != nil || len(ids) != 2 {
		t.Fatalf("the driver said %q: %v", line, err)
	}
	return command, ids
}
