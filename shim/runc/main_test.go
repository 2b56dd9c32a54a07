package runc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"rrbench/baselines/http"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/shim/shimtest"
	"rrbench/transport"
)

const (
	// networkVariable makes the test program a driver of containers on that network, the
	// default one when it is empty.
	networkVariable = "RUNC_TEST_NETWORK"
	// programVariable names the program that such a driver's containers run.
	programVariable = "RUNC_TEST_PROGRAM"
	// checkVariable makes the test program print the error of Launcher.Check.
	checkVariable = "RUNC_TEST_CHECK"
)

// public is a directory that every user can read.
var public string

func TestMain(m *testing.M) {
	if os.Getenv(checkVariable) != "" {
		fmt.Println(Launcher{Program: os.Getenv(programVariable)}.Check(""))
		return
	}
	if network, ok := os.LookupEnv(networkVariable); ok {
		if err := drive(Network(network)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(func() int {
		var err error
		if public, err = os.MkdirTemp("", "runc-test-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(public)
		if err := os.Chmod(public, 0o755); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// built makes rrbench as make build does, linked statically.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(public, "rrbench")
	return path, shimtest.Build("rrbench/cmd/rrbench", path)
})

// onNetwork skips the test when this machine cannot run containers on that network, and keeps
// its containers apart from those of other tests.
func onNetwork(t *testing.T, network Network) *launcher {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	l := &launcher{Launcher: Launcher{Program: path}, network: network}
	var missing *transport.Unavailable
	if err := l.Check(string(network)); errors.As(err, &missing) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	return l
}

// launcher notes the containers that it starts.
type launcher struct {
	Launcher
	network Network

	lock sync.Mutex
	ids  []string
}

func (l *launcher) Prepare(parameter string) (shim.Pod, error) {
	s, err := l.Launcher.Prepare(parameter)
	return notingPod{s, l}, err
}

type notingPod struct {
	shim.Pod
	l *launcher
}

func (s notingPod) Start(ctx context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	instance, err := s.Pod.Start(ctx, name, runs)
	if err == nil {
		s.l.lock.Lock()
		defer s.l.lock.Unlock()
		s.l.ids = append(s.l.ids, strings.TrimPrefix(instance.Program, "container "))
	}
	return instance, err
}

// batch is what a test's cell hands over.
func batch(size int64, rounds int) shim.Batch {
	return shim.Batch{Payload: payloads.Text, Sizes: []int64{size}, Seed: 1, Warmup: 1, Rounds: rounds, Deadline: time.Minute}
}

// open starts a cell and connects its functions; the caller closes it.
func (l *launcher) open(ctx context.Context, codec transport.Codec, size int64, fanout int) (*shim.Cell, error) {
	cell, err := shim.StartCell(ctx, l, http.NewContainer().Info(), transport.Setup{
		Parameter: string(l.network), Engine: transport.NativeEngine, Codec: codec,
		Payload: payloads.Text, Size: size, Fanout: fanout, Deadline: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	if _, err := cell.Connect(ctx, 1, 1); err != nil {
		return nil, errors.Join(err, cell.Close())
	}
	return cell, nil
}

// drive is a process with a pair of containers: it hands a payload over, prints the names of
// the containers, and lives until it is killed or standard input is at its end.
func drive(network Network) error {
	ctx := context.Background()
	l := &launcher{Launcher: Launcher{Program: os.Getenv(programVariable)}, network: network}
	cell, err := l.open(ctx, transport.Raw, 1<<20, 1)
	if err != nil {
		return err
	}
	if _, err := cell.Run(ctx, batch(1<<20, 1), func(r shim.Record) error { return r.Err }); err != nil {
		return errors.Join(err, cell.Close())
	}
	fmt.Println(strings.Join(l.ids, " "))
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, cell.Close())
}

// remains lists everything on this machine that has the container's name in it.
func remains(directory, id string) []string {
	var found []string
	for _, parent := range append(trees(), directory) {
		if _, err := os.Lstat(filepath.Join(parent, id)); err == nil {
			found = append(found, filepath.Join(parent, id))
		}
	}
	for _, words := range commands() {
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(word, id) }) {
			found = append(found, strings.Join(words, " "))
		}
	}
	return found
}

// commands are the command lines of this machine's processes.
func commands() map[int][]string {
	found := make(map[int][]string)
	processes, _ := procfs.AllProcs()
	for _, process := range processes {
		if words, err := process.CmdLine(); err == nil && len(words) > 0 {
			found[process.PID] = words
		}
	}
	return found
}

// eventuallyGone waits until nothing of the containers is left.
func eventuallyGone(t *testing.T, directory string, ids []string) {
	t.Helper()
	for _, id := range ids {
		shimtest.Eventually(t, "left of container "+id, func() error {
			if left := remains(directory, id); len(left) > 0 {
				return fmt.Errorf("%v", left)
			}
			return nil
		})
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("kill process %d: %v", pid, err)
	}
}

// freeze stops a process and waits until all of its threads have (proc_pid_stat(5)).
func freeze(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatalf("stop process %d: %v", pid, err)
	}
	shimtest.Eventually(t, fmt.Sprintf("stop of process %d", pid), func() error {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, path := range threads {
			stat, err := os.ReadFile(path)
			if _, state, _ := strings.Cut(string(stat), ") "); err == nil && !strings.HasPrefix(state, "T") {
				return errors.New(state)
			}
		}
		return nil
	})
}
