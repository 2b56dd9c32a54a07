package containerd

import (
	"bufio"
	"bytes"
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

	"rrbench/catalogue"
	enginecatalogue "rrbench/engines/catalogue"
	"rrbench/image"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/shim/containerd/host"
	"rrbench/shim/containerd/task"
	"rrbench/shim/shimtest"
	"rrbench/transport"
)

// programs is a directory with the shim, and beside it this program as the host of functions.
var programs string

func TestMain(m *testing.M) {
	shimtest.Roles{
		"function": func() error { return host.Serve(catalogue.Find) },
		"shim":     func() error { return shim.Serve(catalogue.Find) },
		"driver":   func() error { return drive(&Server{shim: os.Args[2]}) },
	}.Play()
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "containerd-test-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(programs)
		status := m.Run()
		if common != nil {
			if err := common.Close(); err != nil {
				fmt.Println(err)
				return 1
			}
		}
		return status
	}())
}

// built makes the shim, and copies this program, which the host needs as much as rrbench would be.
var built = sync.OnceValues(func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if output, err := exec.Command("cp", "--reflink=auto", self, filepath.Join(programs, "rrbench")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	path := filepath.Join(programs, "containerd-shim-roadrunner-v1")
	return path, shimtest.Build("rrbench/cmd/containerd-shim-roadrunner-v1", path)
})

// newServer skips the test where no containerd can be started.
func newServer(t testing.TB, socket string) *Server {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containerd needs root")
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{shim: path, socket: socket}
	var missing *transport.Unavailable
	if err := (Launcher{Server: s}).Check(""); errors.As(err, &missing) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return s
}

// common serves the tests that do not end it.
var common *Server

// shared is a containerd that several tests use.
func shared(t testing.TB) *instance {
	t.Helper()
	if common == nil {
		common = newServer(t, "")
	}
	i, err := common.instance()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// engine is one that runs here.
func engine() string {
	if enginecatalogue.Check(task.DefaultEngine) == nil {
		return task.DefaultEngine
	}
	return "wazero"
}

// ctr is a call of containerd's own client, with its standard input.
func (i *instance) ctr(t testing.TB, input string, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "ctr", append([]string{"--address", i.address, "--namespace", Namespace}, arguments...)...)
	var out, errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &errs
	err := command.Run()
	if ctx.Err() != nil {
		t.Fatalf("ctr %v: %v, %s", arguments, ctx.Err(), errs.String())
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// must is a call that succeeds.
func (i *instance) must(t testing.TB, arguments ...string) string {
	t.Helper()
	stdout, stderr, status := i.ctr(t, "", arguments...)
	if status != 0 {
		t.Fatalf("ctr %v: status %d, %s", arguments, status, stderr)
	}
	return stdout
}

// add has containerd import an image of a module, and returns its name and that of its snapshot.
func (i *instance) add(t testing.TB, name string, module []byte) (reference, snapshot string) {
	t.Helper()
	var archive bytes.Buffer
	snapshot, err := image.Write(&archive, image.Plain, name, name, module)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	i.must(t, "images", "import", "--snapshotter", i.snapshotter, path)
	return image.Reference(name), snapshot
}

// run are the arguments of ctr for a function in an engine that runs here.
func (i *instance) running(options ...string) []string {
	return append([]string{"run", "--runtime", task.Runtime, "--snapshotter", i.snapshotter, "--annotation", task.EngineAnnotation + "=" + engine()}, options...)
}

func hello(t testing.TB) []byte {
	t.Helper()
	module, err := os.ReadFile("../../workloads/hello/built/hello.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func setupOf(info transport.Info) transport.Setup {
	return transport.Setup{Engine: engine(), Guest: "c", Codec: info.Codecs[0], Payload: payloads.Text, Size: 1 << 16, Fanout: 1,
		Deadline: time.Minute, Origin: transport.OriginBuffer, Consume: transport.ConsumeRead}
}

// open starts a cell and connects its functions; the caller closes it.
func open(ctx context.Context, s *Server, name string) (*shim.Cell, error) {
	t, err := catalogue.Find(name)
	if err != nil {
		return nil, err
	}
	cell, err := shim.StartCell(ctx, Launcher{Server: s}, t.Info(), setupOf(t.Info()))
	if err != nil {
		return nil, err
	}
	if _, err := cell.Connect(ctx, 1, 1); err != nil {
		return nil, errors.Join(err, cell.Close())
	}
	return cell, nil
}

func batch(rounds int) shim.Batch {
	return shim.Batch{Payload: payloads.Text, Sizes: []int64{1 << 16}, Seed: 1, Warmup: 1, Rounds: rounds, Deadline: time.Minute}
}

// handOver runs a batch, which must have so many records.
func handOver(t *testing.T, source interface {
	Run(context.Context, shim.Batch, func(shim.Record) error) (shim.Window, error)
}, batch shim.Batch, want int) {
	t.Helper()
	records := 0
	// Each record's length and digest are compared with the payload's.
	_, err := source.Run(t.Context(), batch, func(r shim.Record) error { records++; return r.Err })
	if err != nil || records != want {
		t.Errorf("%d records, %v", records, err)
	}
}

// drive is a process with two containers that hand over until it is killed.
func drive(s *Server) error {
	cell, err := open(context.Background(), s, "kernel/stream")
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, err = cell.Run(context.Background(), batch(1<<30), func(r shim.Record) error { return r.Err })
	return err
}

// killedDriver starts a driver and kills it in the middle of a batch.
func killedDriver(t *testing.T) {
	t.Helper()
	command := exec.Command("/proc/self/exe", "driver", filepath.Join(programs, "containerd-shim-roadrunner-v1"))
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	time.Sleep(100 * time.Millisecond)
	_ = command.Process.Kill()
	_, _ = io.Copy(io.Discard, output)
	_ = command.Wait()
	if err != nil || line != "open\n" {
		t.Fatalf("the driver said %q, %v", line, err)
	}
}

// inventory is what containers leave on a machine when they are not removed.
func inventory(t *testing.T) (found []string) {
	t.Helper()
	for _, pattern := range []string{task.SocketDirectory + "/*", "/sys/fs/cgroup/*/" + prefix + "*", "/sys/fs/cgroup/" + prefix + "*", filepath.Join(os.TempDir(), prefix+"*")} {
		paths, _ := filepath.Glob(pattern)
		found = append(found, paths...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, prefix) {
			found = append(found, line)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, process := range processes {
		if line, err := os.ReadFile(process); err == nil && bytes.HasPrefix(line, []byte(programs)) {
			found = append(found, process+" "+string(line))
		}
	}
	slices.Sort(found)
	return found
}

// eventually waits until there is nothing that there was not: a test before may still have been leaving something.
func eventually(t *testing.T, before []string) {
	t.Helper()
	shimtest.Eventually(t, "left behind", func() error {
		if left := slices.DeleteFunc(inventory(t), func(found string) bool { return slices.Contains(before, found) }); len(left) > 0 {
			return fmt.Errorf("%q", left)
		}
		return nil
	})
}
