package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rrbench/shim/containerd/task"
	"rrbench/shim/shimtest"
)

func TestFunction(t *testing.T) {
	i := shared(t)
	name, _ := i.add(t, "hello", hello(t))
	for _, test := range []struct {
		does           string
		options        []string
		input          string
		stdout, stderr string
		status         int
	}{
		{does: "hello", stdout: "hello\n"},
		{does: "arguments a b", stdout: "/hello.wasm\narguments\na\nb\n"},
		{does: "env", options: []string{"--env", "ANSWER=42"}, stdout: "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nANSWER=42\n"},
		{does: "cat", input: "one\ntwo\n", stdout: "one\ntwo\n"},
		{does: "cat", input: strings.Repeat("a", 1<<17), stdout: strings.Repeat("a", 1<<17)},
		{does: "complain", stderr: "hello\n"},
		{does: "exit 7", status: 7},
		{does: "trap", status: 134, stderr: "trapped"},
		{does: "fill", options: []string{"--memory-limit", fmt.Sprint(96 << 20)}, status: 137},
		{does: "hello", options: []string{"--memory-limit", fmt.Sprint(3 << 20)}, status: 1, stderr: "memory does not suffice"},
		{does: "hello", options: []string{"--annotation", task.EngineAnnotation + "=wazero"}, stdout: "hello\n"},
		{does: "hello", options: []string{"--annotation", task.EngineAnnotation + "=none"}, status: 1, stderr: `unknown engine "none"`},
	} {
		t.Run(strings.Join(append(test.options, test.does), " "), func(t *testing.T) {
			arguments := append(i.running("--rm"), test.options...)
			arguments = append(arguments, name, "f", "/hello.wasm")
			stdout, stderr, status := i.ctr(t, test.input, append(arguments, strings.Fields(test.does)...)...)
			if stdout != test.stdout || status != test.status || !strings.Contains(stderr, test.stderr) {
				t.Errorf("stdout %.200q, stderr %q, status %d", stdout, stderr, status)
			}
			if left := i.must(t, "containers", "list", "-q") + i.must(t, "tasks", "list", "-q"); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// forget ends and removes containers.
func (i *instance) forget(t *testing.T, ids ...string) {
	for _, id := range ids {
		_, _, _ = i.ctr(t, "", "tasks", "rm", "-f", id)
		_, _, _ = i.ctr(t, "", "containers", "rm", id)
	}
}

// state is the status of a task.
func (i *instance) state(t *testing.T, id string) string {
	t.Helper()
	for line := range strings.Lines(i.must(t, "tasks", "list")) {
		if fields := strings.Fields(line); fields[0] == id {
			return fields[2]
		}
	}
	return ""
}

// becomes waits for a status.
func (i *instance) becomes(t *testing.T, id, status string) {
	t.Helper()
	shimtest.Eventually(t, id+" is not "+status, func() error {
		if state := i.state(t, id); state != status {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
}

func TestTask(t *testing.T) {
	i := shared(t)
	name, _ := i.add(t, "hello", hello(t))
	defer i.forget(t, "t")
	i.must(t, append(i.running("--detach"), name, "t", "/hello.wasm", "loop")...)
	i.becomes(t, "t", "RUNNING")
	if output := i.must(t, "tasks", "metrics", "t"); !strings.Contains(output, "memory") {
		t.Errorf("metrics: %s", output)
	}
	if _, stderr, status := i.ctr(t, "", "tasks", "exec", "--exec-id", "e", "t", "sh"); status == 0 || !strings.Contains(stderr, "has no other program") {
		t.Errorf("exec: %s", stderr)
	}
	i.must(t, "tasks", "pause", "t")
	i.becomes(t, "t", "PAUSED")
	i.must(t, "tasks", "resume", "t")
	i.becomes(t, "t", "RUNNING")
	i.must(t, "tasks", "pause", "t")
	i.must(t, "tasks", "kill", "-s", "KILL", "t")
	i.becomes(t, "t", "STOPPED")
	if _, _, status := i.ctr(t, "", "tasks", "rm", "t"); status != 0 {
		t.Errorf("tasks rm ends with status %d", status)
	}
}

// Functions of a pod share a process; one that waits can be ended alone, one that computes not.
func TestPod(t *testing.T) {
	i := shared(t)
	name, _ := i.add(t, "hello", hello(t))
	ids := []string{"waits", "computes", "waits-too"}
	defer i.forget(t, ids...)
	for n, does := range []string{"sleep", "loop", "sleep"} {
		i.must(t, append(i.running("--detach", "--annotation", "io.kubernetes.cri.sandbox-id=pod", "--annotation", "io.kubernetes.cri.container-type=container"),
			name, ids[n], "/hello.wasm", does)...)
	}
	processes := make(map[string]bool)
	for line := range strings.Lines(i.must(t, "tasks", "list")) {
		if fields := strings.Fields(line); fields[0] != "TASK" {
			processes[fields[1]] = true
		}
	}
	if len(processes) != 1 {
		t.Errorf("the functions of a pod are in processes %v", processes)
	}
	i.must(t, "tasks", "kill", "-s", "TERM", "waits")
	i.becomes(t, "waits", "STOPPED")
	if state := i.state(t, "computes"); state != "RUNNING" {
		t.Errorf("another function is %s", state)
	}
	i.must(t, "tasks", "kill", "-s", "TERM", "computes")
	i.becomes(t, "computes", "STOPPED")
	i.becomes(t, "waits-too", "STOPPED")
}

// One shim serves a namespace. Containerd cleans up what a killed one leaves.
func TestShimKilled(t *testing.T) {
	i := shared(t)
	name, _ := i.add(t, "hello", hello(t))
	before := inventory(t)
	ids := []string{"k1", "k2"}
	defer i.forget(t, ids...)
	for _, id := range ids {
		i.must(t, append(i.running("--detach"), name, id, "/hello.wasm", "loop")...)
	}
	process := shimOf(t)
	_ = unix.Kill(process, unix.SIGKILL)
	for _, id := range ids {
		i.becomes(t, id, "")
	}
	i.forget(t, ids...)
	eventually(t, before)
}

// shimOf is the process of the only shim.
func shimOf(t *testing.T) (process int) {
	t.Helper()
	var shims []string
	for _, found := range inventory(t) {
		if strings.HasPrefix(found, "/proc/") && strings.HasSuffix(found, "\x00serve\x00") {
			shims = append(shims, found)
		}
	}
	if len(shims) != 1 {
		t.Fatalf("%d shims serve the functions: %q", len(shims), shims)
	}
	if _, err := fmt.Sscanf(shims[0], "/proc/%d/", &process); err != nil {
		t.Fatal(err)
	}
	return process
}

func TestBadImages(t *testing.T) {
	i := shared(t)
	component := []byte("\x00asm\x0d\x00\x01\x00")
	library, err := os.ReadFile("../../workloads/built/c.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, argument, want string
		files                map[string][]byte
	}{
		{"none", "/function.wasm", "no module /function.wasm, and no other", map[string][]byte{"readme": nil}},
		{"two", "/function.wasm", "it has /a.wasm, /b.wasm", map[string][]byte{"a.wasm": hello(t), "b.wasm": hello(t)}},
		{"component", "/function.wasm", "component", map[string][]byte{"function.wasm": component}},
		{"text", "/function.wasm", "not a WebAssembly module", map[string][]byte{"function.wasm": []byte("#!/bin/sh")}},
		{"empty", "/function.wasm", "it is empty", map[string][]byte{"function.wasm": nil}},
		{"library", "/function.wasm", "roadrunner: ", map[string][]byte{"function.wasm": library}},
		{"cut", "/function.wasm", "cannot be taken", map[string][]byte{"function.wasm": hello(t)[:1000]}},
		{"outside", "/../../etc/function.wasm", "no module", map[string][]byte{"readme": nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			for name, content := range test.files {
				if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			arguments := append(i.running("--rm", "--rootfs"), directory, "bad", test.argument)
			_, stderr, status := i.ctr(t, "", arguments...)
			if status == 0 || !strings.Contains(stderr, test.want) {
				t.Errorf("status %d, %s", status, stderr)
			}
			i.forget(t, "bad")
		})
	}
}

// A container that is no function runs by runc.
func TestNativeContainer(t *testing.T) {
	i := shared(t)
	directory := t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(programs, "containerd-shim-roadrunner-v1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "bin", "native"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := i.ctr(t, "", append(i.running("--rm", "--rootfs"), directory, "n", "/bin/native", "-v")...)
	if status != 0 || !strings.Contains(stdout, "containerd-shim-roadrunner-v1") {
		t.Errorf("%q, %s, status %d", stdout, stderr, status)
	}
}
