package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/payloads"
	"rrbench/transport"
)

const (
	// roleVariable makes the test binary be something else than a test: a shim that gets
	// killed, or one without privileges.
	roleVariable = "CONTAINER_TEST_ROLE"
	// programVariable says where the function program is.
	programVariable = "CONTAINER_TEST_PROGRAM"
	networkVariable = "CONTAINER_TEST_NETWORK"
)

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		if err := playShim(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	status := m.Run()
	if workshop != "" {
		_ = os.RemoveAll(workshop)
	}
	os.Exit(status)
}

// workshop is a directory that every user can read.
var workshop string

// built makes the function program as make build does.
var built = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp("", "container-test-")
	if err != nil {
		return "", err
	}
	workshop = directory
	path := filepath.Join(directory, programName)
	command := exec.Command("go", "build", "-o", path, "./program")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return path, os.Chmod(directory, 0o755)
})

// onNetwork skips the test when the machine cannot run containers on that network.
func onNetwork(t testing.TB, network Network) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	findProgram = func() (string, error) { return path, checkStatic(path) }
	var missing *transport.Unavailable
	if _, err := survey(setupFor(network, 1, 1)); errors.As(err, &missing) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// setupFor leaves the network to the transport when it is empty.
func setupFor(network Network, size int64, fanout int) transport.Setup {
	return transport.Setup{
		Parameter: string(network),
		Engine:    transport.NativeEngine,
		Codec:     transport.Raw,
		Payload:   payloads.Text,
		Size:      size,
		Fanout:    fanout,
		Deadline:  20 * time.Second,
	}
}

// opened is a route with its targets.
type opened struct {
	transport.Route
	setup   transport.Setup
	targets []transport.Target
	handoff transport.Handoff
}

// open serves and opens; the caller closes.
func open(setup transport.Setup) (*opened, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o := &opened{setup: setup, handoff: transport.Handoff{Deliveries: make([]transport.Delivery, setup.Fanout)}}
	var endpoints []transport.Endpoint
	for range setup.Fanout {
		target, err := New().Serve(ctx, setup)
		if err != nil {
			return o, errors.Join(err, o.Close())
		}
		o.targets = append(o.targets, target)
		endpoints = append(endpoints, target.Endpoint())
	}
	var err error
	if o.Route, err = New().Open(ctx, setup, endpoints); err != nil {
		return o, errors.Join(err, o.Close())
	}
	return o, nil
}

func mustOpen(t testing.TB, setup transport.Setup) *opened {
	t.Helper()
	o, err := open(setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *opened) Close() error {
	var errs []error
	if o.Route != nil {
		errs = append(errs, o.Route.Close())
	}
	for _, target := range o.targets {
		errs = append(errs, target.Close())
	}
	return errors.Join(errs...)
}

// send prepares and hands over one payload and checks what arrived.
func (o *opened) send(seed uint64) error {
	want, err := o.Prepare(payloads.Spec{Kind: o.setup.Payload, Size: o.setup.Size, Seed: seed})
	if err != nil {
		return err
	}
	if err := o.Send(&o.handoff); err != nil {
		return err
	}
	for i := range o.handoff.Deliveries {
		d := &o.handoff.Deliveries[i]
		switch {
		case d.Err != nil:
			return fmt.Errorf("target %d: %w", i, d.Err)
		case d.Digest != want || d.Length != uint64(o.setup.Size):
			return fmt.Errorf("target %d: got digest %x of %d bytes, want %x of %d", i, d.Digest, d.Length, want, o.setup.Size)
		}
	}
	return nil
}

func (o *opened) source() *container { return o.Route.(*route).container }

func (o *opened) target(i int) *container { return o.targets[i].(*target).container }

// playShim is a process with a pair of containers: it hands payloads over until it is
// killed, or once when standard input is at its end.
func playShim() error {
	path := os.Getenv(programVariable)
	findProgram = func() (string, error) { return path, checkStatic(path) }
	o, err := open(setupFor(Network(os.Getenv(networkVariable)), 1<<20, 1))
	if err != nil {
		return err
	}
	if err := o.send(1); err != nil {
		return errors.Join(err, o.Close())
	}
	memory, err := o.Route.(*route).Memory()
	if err != nil || memory.PSSPeak < 1<<20 {
		return errors.Join(fmt.Errorf("memory of the source %+v: %w", memory, err), o.Close())
	}
	fmt.Println(o.source().id, o.target(0).id)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return o.Close()
}

// remains lists everything on this machine that has the container's name in it.
func remains(id string) []string {
	var found []string
	state := stateOf(os.Geteuid())
	for _, path := range []string{state.bundle(id), filepath.Join(state.runc(), id)} {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	if slices.Contains(groups(), id) {
		found = append(found, "control group "+id)
	}
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), id) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// eventuallyGone waits until nothing of the container is left.
func eventuallyGone(t *testing.T, id string) {
	t.Helper()
	var left []string
	for range 200 {
		if left = remains(id); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("left of container %s: %v", id, left)
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("kill process %d: %v", pid, err)
	}
}
