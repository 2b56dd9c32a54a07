package containerd

import (
	"context"
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

	"rrbench/image"
	"rrbench/private"
	"rrbench/shim/runc"
)

// stateDirectory is where a containerd of this package's keeps what is lost with the machine's next
// start; tasksDirectory has there a directory for each namespace and task.
const (
	stateDirectory = "state"
	tasksDirectory = "io.containerd.runtime.v2.task"
)

// Leftovers names what runs have left behind that were killed.
func Leftovers() []string {
	var names []string
	for directory := range private.Abandoned(os.TempDir(), prefix) {
		names = append(names, filepath.Base(directory.Path))
	}
	return names
}

// Clean removes what Leftovers names, and nothing else.
func Clean() error {
	var errs []error
	for directory := range private.Abandoned(os.TempDir(), prefix) {
		errs = append(errs, remove(directory))
	}
	return errors.Join(errs...)
}

// remove removes what an instance has made; at last the directory, by which the rest is found.
func remove(directory *private.Directory) error {
	err := errors.Join(removeThere(directory.Path), removeOwn(directory.Path))
	if err != nil {
		return errors.Join(fmt.Errorf("remove %s: %w", directory.Path, err), directory.Release())
	}
	return directory.Remove()
}

// removeThere removes the containers, and the image, of a containerd that was there.
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
	_, err = images.NewImagesClient(i.connection).Delete(ctx, &images.DeleteImageRequest{Name: image.Reference(strings.ToLower(name)), Sync: true})
	return errors.Join(append(errs, missing(err))...)
}

// removeOwn ends what a containerd that has ended has left: tasks and their shims, mounts, control groups.
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

// endTask asks a task's shim to end it, and then itself, and returns the shim's process number; 0 where
// there is none. What it leaves is looked for elsewhere.
func endTask(bundle, id string) (shim int) {
	address, err := os.ReadFile(filepath.Join(bundle, "address"))
	if err != nil {
		return 0
	}
	connection, err := net.DialTimeout("unix", strings.TrimPrefix(string(address), "unix://"), time.Second)
	if err != nil {
		return 0
	}
	connected := ttrpc.NewClient(connection)
	defer connected.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	client := taskapi.NewTTRPCTaskClient(connected)
	if running, err := client.Connect(ctx, &taskapi.ConnectRequest{ID: id}); err == nil {
		shim = int(running.GetShimPid())
	}
	_, _ = client.Kill(ctx, &taskapi.KillRequest{ID: id, Signal: uint32(unix.SIGKILL), All: true})
	_, _ = client.Wait(ctx, &taskapi.WaitRequest{ID: id})
	_, _ = client.Delete(ctx, &taskapi.DeleteRequest{ID: id})
	_, _ = client.Shutdown(ctx, &taskapi.ShutdownRequest{ID: id})
	return shim
}

func lives(process int) bool { return process > 0 && unix.Kill(process, 0) == nil }
