package catalogue

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	engines "rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/transport"
	"rrbench/workloads/hostile"
)

// startShim starts a shim that is closed when the test ends.
func startShim(t *testing.T, name string, env ...string) *shim.Process {
	t.Helper()
	pod, err := shim.Child{Env: env}.Prepare("")
	if err != nil {
		t.Fatal(err)
	}
	p, err := shim.Start(t.Context(), pod, name, transport.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func pidOf(t *testing.T, p *shim.Process) int {
	t.Helper()
	pid, err := p.PID()
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// expectStillInitialising checks the error of a shim whose guest does not finish initialising, and that its process ends.
func expectStillInitialising(t *testing.T, p *shim.Process, err error) {
	t.Helper()
	if !errors.Is(err, transport.ErrNoAnswer) || !strings.Contains(err.Error(), ".wasm is still initialising after 1s (--deadline)") {
		t.Errorf("error is %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pidOf(t, p), 0); err != syscall.ESRCH {
		t.Errorf("the shim's process: %v", err)
	}
}

// A guest that loops while it initialises itself cannot be interrupted on every engine, and
// takes the only processor from its shim where there is one only.
func TestGuestThatNeverInitialisesItself(t *testing.T) {
	for _, engine := range engines.BuiltIn() {
		if err := engines.Check(engine); err != nil {
			t.Logf("left out: %v", err)
			continue
		}
		for _, guest := range []string{"initialize-loops", "initialize-sleeps", "start-loops"} {
			environments := []string{"GOMAXPROCS=1"}
			if guest == "initialize-loops" {
				environments = append(environments, "GOMAXPROCS=2")
			}
			for _, env := range environments {
				t.Run(fmt.Sprintf("%s,%s,%s", engine, guest, env), func(t *testing.T) {
					t.Parallel()
					good := transport.Setup{
						Engine: engine, Guest: "c", Codec: transport.None, Payload: payloads.Text,
						Size: 1000, Fanout: 1, Deadline: 300 * time.Millisecond,
					}
					bad := good
					bad.Guest = hostile.Guest(t, guest)
					const name = "kernel/stream"
					target := startShim(t, "target", env)
					endpoint, err := target.Serve(t.Context(), name, good)
					if err != nil {
						t.Fatal(err)
					}
					source := startShim(t, "source", env)
					opened := make(chan error, 1)
					go func() { opened <- source.Open(t.Context(), name, bad, []transport.Endpoint{endpoint}) }()
					_, err = target.Serve(t.Context(), name, bad)
					expectStillInitialising(t, source, <-opened)
					expectStillInitialising(t, target, err)
				})
			}
		}
	}
}

func TestProcessesEndWithTheirShim(t *testing.T) {
	tr, err := Find("redis")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Check(); err != nil {
		t.Skip(err)
	}
	setup := transport.Setup{
		Engine: "wazero", Guest: "c", Codec: transport.Raw, Payload: payloads.Text,
		Size: 1000, Fanout: 1, Deadline: 300 * time.Millisecond,
	}
	source, target := startShim(t, "source"), startShim(t, "target")
	endpoint, err := target.Serve(t.Context(), "redis", setup)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Open(t.Context(), "redis", setup, []transport.Endpoint{endpoint}); err != nil {
		t.Fatal(err)
	}
	servers := children(t, pidOf(t, source))
	if len(servers) == 0 {
		t.Fatal("the source's shim has started no server")
	}
	setup.Guest = hostile.Guest(t, "initialize-loops")
	expectStillInitialising(t, source, source.Open(t.Context(), "redis", setup, []transport.Endpoint{endpoint}))
	for _, server := range servers {
		for syscall.Kill(server, 0) == nil {
			time.Sleep(time.Millisecond) // until the test times out
		}
	}
}

// children returns the processes that a process has started.
func children(t *testing.T, pid int) (found []int) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == pid {
			found = append(found, p.PID)
		}
	}
	return found
}
