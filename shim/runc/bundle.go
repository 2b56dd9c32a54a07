package runc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rrbench/private"
)

const (
	// programInside is where a container finds its program: the only file of its root.
	programInside = "/rrbench"
	configFile    = "config.json"
)

// makeBundle makes an OCI bundle (runtime-spec, bundle.md) in a directory whose name is the container's:
// a root file system with nothing but mount points, and the configuration. A rootless container maps this
// process' user to root in a user namespace, and has no control group. Runc calls the remover, if there is
// one, on the host when the container has ended. The caller removes the directory.
func makeBundle(spec *specs.Spec, remover string, rootless bool) (_ *private.Directory, err error) {
	made, err := private.NewDirectory(os.TempDir(), prefix)
	if err != nil {
		return nil, fmt.Errorf("make a container's directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, made.Remove())
		}
	}()
	directory := made.Path
	root := filepath.Join(directory, "rootfs")
	for _, mountPoint := range []string{"proc", "sys", "dev"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(root, mountPoint), 0o755))
	}
	if err = errors.Join(err, os.WriteFile(filepath.Join(root, programInside), nil, 0o755)); err != nil {
		return nil, fmt.Errorf("make a container's root: %w", err)
	}
	if rootless {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Geteuid()), Size: 1}}
		spec.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Getegid()), Size: 1}}
		// A user namespace may mount no sysfs of a network namespace that is not its own.
		spec.Mounts[sysMount] = specs.Mount{Destination: "/sys", Type: "none", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
	} else {
		spec.Linux.CgroupsPath = "/" + filepath.Base(directory)
	}
	if remover != "" {
		spec.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: remover, Args: []string{"rrbench", "shim", "--remove-bundle", directory}}}}
	}
	config, err := json.Marshal(spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(directory, configFile), config, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("write a container's configuration: %w", err)
	}
	return made, nil
}

// sysMount is which of the mounts of Spec is /sys.
const sysMount = 1

// Spec is the configuration of a container that joins a network namespace, or the host's without a
// path, in which the program runs with these arguments and the environment. It has what isolates a
// function from its host and nothing that would slow it down for no reason: no capability and a
// read-only root, but no limit of CPU or memory and no filter of system calls.
func Spec(program, network string, environment []string, arguments ...string) *specs.Spec {
	linux := &specs.Linux{Namespaces: []specs.LinuxNamespace{
		{Type: specs.PIDNamespace},
		{Type: specs.MountNamespace},
		{Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace},
	}}
	if network != "" {
		linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: network})
		// Every peer is on this host, which stream.TuneTCP cannot see by the address.
		linux.Sysctl = map[string]string{"net.ipv4.tcp_congestion_control": "reno"}
	}
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{Args: append([]string{programInside}, arguments...), Cwd: "/", Env: append([]string{}, environment...), NoNewPrivileges: true},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			// Go's runtime reads the size of huge pages from there.
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755", "size=64k"}},
			{Destination: programInside, Type: "bind", Source: program, Options: []string{"bind", "ro", "nosuid", "nodev"}},
		},
		Linux: linux,
	}
}
