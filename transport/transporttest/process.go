package transporttest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"rrbench/transport"
)

// roleVariable tells a copy of the test binary to be a target.
const roleVariable = "RRBENCH_TEST_TARGET"

// Main runs a package's tests, after which no goroutine may be left. In a process that Start
// has started it is a target of one of the transports instead.
func Main(m *testing.M, transports ...transport.Transport) {
	if os.Getenv(roleVariable) == "" {
		// Tests that are parallel wait for deadlines, not for a processor.
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
		// The thread that starts processes stays.
		goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("rrbench/child.last"))
		return
	}
	if err := target(transports); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// order is what a target's process gets.
type order struct {
	Transport string
	Setup     transport.Setup
}

// target serves until its standard input ends, that is, until the test's process ends too.
func target(transports []transport.Transport) error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var asked order
	if err := json.Unmarshal(line, &asked); err != nil {
		return err
	}
	for _, t := range transports {
		if t.Info().Name != asked.Transport {
			continue
		}
		served, err := t.Serve(context.Background(), asked.Setup)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(served.Endpoint()); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, in)
		return served.Close()
	}
	return fmt.Errorf("no transport %q in this test", asked.Transport)
}

// Process is a target in a process of its own.
type Process struct {
	Endpoint transport.Endpoint
	command  *exec.Cmd
	in       io.Closer
}

// Start starts a target's process. The test's Main must be this package's.
func Start(t testing.TB, tr transport.Transport, setup transport.Setup) *Process {
	t.Helper()
	command := exec.Command("/proc/self/exe", "-test.run=^$")
	command.Env = append(os.Environ(), roleVariable+"=1")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Process{command: command, in: in}
	t.Cleanup(func() { p.Kill() })
	asked, err := json.Marshal(order{tr.Info().Name, setup})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(append(asked, '\n')); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(out).Decode(&p.Endpoint); err != nil {
		t.Fatalf("the target's process said no endpoint: %v", err)
	}
	return p
}

// Close ends the process in good order and returns how that went.
func (p *Process) Close() error {
	if err := p.in.Close(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
		return errors.Join(errors.New("the target's process did not end"), <-ended)
	}
}

// Kill ends the process at once, as a crash would.
func (p *Process) Kill() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

// Stop suspends the process, and returns when none of its threads runs any more: the signal
// reaches one that runs on another processor only after a while.
func (p *Process) Stop(t testing.TB) {
	pid := p.command.Process.Pid
	if err := errors.Join(unix.Kill(pid, unix.SIGSTOP), unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)); err != nil {
		t.Error(err)
	}
}
