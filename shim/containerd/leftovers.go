package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v2"
	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/ttrpc"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/emptypb"

	"rrbench/private"
	"rrbench/shim/runc"
)

// stateDirectory is where a containerd of this package's keeps what a restart of the machine would lose.
// Its tasksDirectory has a directory for each namespace and task.
const (
	stateDirectory = "state"
	tasksDirectory = "io.containerd.runtime.v2.task"
)

// Leftovers names what killed runs have left behind.
func Leftovers() []string { return private.AbandonedNames(os.TempDir(), prefix) }

// Clean removes what Leftovers names, and nothing else.
func Clean() error { return private.Clean(os.TempDir(), prefix, remove) }

// remove removes what an instance has made, and at last the directory, by which the rest is found.
func remove(directory *private.Directory) error {
	err := errors.Join(removeThere(directory.Path), removeOwn(directory.Path))
	if err != nil {
		return errors.Join(fmt.Errorf("remove %s: %w", directory.Path, err), directory.Release())
	}
	return directory.Remove()
}

// removeThere removes the containers and the images from a containerd of the machine's.
func removeThere(path string) error {
	socket, err := os.ReadFile(filepath.Join(path, socketFile))
	if err != nil {
		return nil
	}
	i := &instance{address: string(socket)}
	if i.connection, err = dial(i.address); err != nil {
		return err
	}
	defer i.connection.Close()
	ctx, cancel := within(context.Background(), callDeadline)
	defer cancel()
	list, err := containers.NewContainersClient(i.connection).List(ctx, &containers.ListContainersRequest{})
	if err != nil {
		return fmt.Errorf("containerd at %s: %w", i.address, err)
	}
	name := filepath.Base(path)
	var errs []error
	for _, found := range list.GetContainers() {
		if strings.HasPrefix(found.GetID(), name+"-") {
			i.snapshotter = found.GetSnapshotter()
			errs = append(errs, removeContainer(i, found.GetID()))
		}
	}
	client := images.NewImagesClient(i.connection)
	imported, err := client.List(ctx, &images.ListImagesRequest{})
	errs = append(errs, err)
	for _, found := range imported.GetImages() {
		if strings.Contains(found.GetName(), "/"+strings.ToLower(name)+"-") {
			_, err := client.Delete(ctx, &images.DeleteImageRequest{Name: found.GetName(), Sync: true})
			errs = append(errs, unlessMissing(err))
		}
	}
	return errors.Join(errs...)
}

// removeOwn ends what a containerd has left that has ended: tasks and their shims, mounts, control groups.
func removeOwn(path string) error {
	tasks, _ := filepath.Glob(filepath.Join(path, stateDirectory, tasksDirectory, Namespace, "*"))
	var errs []error
	var shims []int
	for _, bundle := range tasks {
		id := filepath.Base(bundle)
		shims = append(shims, endTask(bundle, id))
		errs = append(errs, runc.RemoveGroups(id))
	}
	for deadline := time.Now().Add(callDeadline); slices.ContainsFunc(shims, lives) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	mounts, err := procfs.GetMounts()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, mount := range slices.Backward(mounts) {
		if strings.HasPrefix(mount.MountPoint, path+"/") {
			errs = append(errs, unix.Unmount(mount.MountPoint, unix.MNT_DETACH))
		}
	}
	return errors.Join(errs...)
}

// endTask asks a task's shim to end the task, and then itself. It returns the shim's process number, or 0
// without one. It ignores errors, since the caller looks for what is left.
func endTask(bundle, id string) (shim int) {
	address, version := addressOf(bundle)
	connection, err := net.DialTimeout("unix", strings.TrimPrefix(address, "unix://"), time.Second)
	if err != nil {
		return 0
	}
	client := ttrpc.NewClient(connection)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	// The messages of these calls are the same in versions 2 and 3.
	service := fmt.Sprintf("containerd.task.v%d.Task", version)
	var running taskapi.ConnectResponse
	if err := client.Call(ctx, service, "Connect", &taskapi.ConnectRequest{ID: id}, &running); err == nil {
		shim = int(running.GetShimPid())
	}
	_ = client.Call(ctx, service, "Kill", &taskapi.KillRequest{ID: id, Signal: uint32(unix.SIGKILL), All: true}, &emptypb.Empty{})
	_ = client.Call(ctx, service, "Wait", &taskapi.WaitRequest{ID: id}, &taskapi.WaitResponse{})
	_ = client.Call(ctx, service, "Delete", &taskapi.DeleteRequest{ID: id}, &taskapi.DeleteResponse{})
	_ = client.Call(ctx, service, "Shutdown", &taskapi.ShutdownRequest{ID: id}, &emptypb.Empty{})
	return shim
}

// addressOf is where a task's shim answers, and by which version of the Task API: containerd 1.6 keeps a file with the
// address, containerd 2 the shim's reply to its start.
func addressOf(bundle string) (address string, version int) {
	started := struct {
		Version int
		Address string
	}{Version: 2}
	text, err := os.ReadFile(filepath.Join(bundle, "bootstrap.json"))
	if err == nil && json.Unmarshal(text, &started) == nil {
		return started.Address, started.Version
	}
	text, _ = os.ReadFile(filepath.Join(bundle, "address")) // without it there is no address
	return string(text), started.Version
}

// lives is false also of a process for which its parent has not waited yet: that holds nothing any more.
func lives(process int) bool {
	p, err := procfs.NewProc(process)
	if err != nil {
		return false
	}
	stat, err := p.Stat()
	return err == nil && stat.State != "Z"
}
