package runc

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// programInside is where a container finds its program: the only file of its root.
const programInside = "/rrbench"

// bundleSpec is what a container is made from.
type bundleSpec struct {
	// program is the path of the static executable on the host.
	program string
	// network is the path of a network namespace; without one the container shares the
	// host's.
	network string
	// cgroup is the path of its control group; empty for a rootless container.
	cgroup string
	// rootless maps this process' user to root in a user namespace.
	rootless bool
	// environment is the program's.
	environment []string
}

const configFile = "config.json"

// writeBundle makes an OCI bundle (runtime-spec, bundle.md): a root file system from
// scratch, into which the program is mounted, and the configuration.
func writeBundle(directory string, b bundleSpec) error {
	if err := b.makeRoot(directory); err != nil {
		return err
	}
	spec := b.spec()
	// Runc calls the program once more when the container has ended, on the host.
	spec.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: b.program, Args: []string{"rrbench", "shim", "--remove-bundle", directory}}}}
	config, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, configFile), config, 0o600); err != nil {
		return fmt.Errorf("write a container's configuration: %w", err)
	}
	return nil
}

// Spec is the configuration of a container that joins a network namespace, or the host's without a
// path, in which the program runs with these arguments and the environment.
func Spec(program, network string, environment []string, arguments ...string) *specs.Spec {
	spec := bundleSpec{program: program, network: network, environment: environment}.spec()
	spec.Process.Args = append(spec.Process.Args, arguments...)
	return spec
}

// spec is the container's configuration. It has what isolates a function from its host and
// nothing that would slow it down for no reason: no capability and a read-only root, but
// no limit of CPU or memory and no filter of system calls.
func (b bundleSpec) spec() *specs.Spec {
	linux := &specs.Linux{
		CgroupsPath: b.cgroup,
		Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace},
			{Type: specs.MountNamespace},
			{Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace},
		},
	}
	if b.network != "" {
		linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: b.network})
		// Every peer is on this host: see stream.TuneTCP, which tells that by the address.
		linux.Sysctl = map[string]string{"net.ipv4.tcp_congestion_control": "reno"}
	}
	// Go's runtime reads the size of huge pages from /sys.
	sys := specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}}
	if b.rootless {
		linux.Namespaces = append(linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Geteuid()), Size: 1}}
		linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Getegid()), Size: 1}}
		// A user namespace may mount no sysfs of a network namespace that is not its own.
		sys = specs.Mount{Destination: "/sys", Type: "none", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
	}
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{Args: []string{programInside, "shim"}, Cwd: "/", Env: append([]string{}, b.environment...), NoNewPrivileges: true},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			sys,
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755", "size=64k"}},
			{Destination: programInside, Type: "bind", Source: b.program, Options: []string{"bind", "ro", "nosuid", "nodev"}},
		},
		Linux: linux,
	}
}

// makeRoot makes the root file system of a container, in which nothing is but the places of mounts.
func (b bundleSpec) makeRoot(directory string) error {
	root := filepath.Join(directory, "rootfs")
	for _, mountPoint := range []string{"proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, mountPoint), 0o755); err != nil {
			return fmt.Errorf("make a container's root: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, programInside), nil, 0o755); err != nil {
		return fmt.Errorf("make a container's root: %w", err)
	}
	return nil
}
