package runc

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport"
)

// capabilities are what this machine offers to containers.
type capabilities struct {
	program  string
	network  Network
	rootless bool
}

func (l Launcher) capabilities(network string) (capabilities, error) {
	here := capabilities{rootless: os.Geteuid() != 0, network: Bridge}
	if here.rootless {
		here.network = Host
	}
	if _, err := findRunc(); err != nil {
		return here, unavailable(err, "apt-get install runc")
	}
	var err error
	if here.program = l.Program; here.program == "" {
		here.program, err = os.Executable()
	}
	if err == nil {
		err = checkStatic(here.program)
	}
	if err != nil {
		return here, unavailable(err, "make build")
	}
	switch n := Network(network); n {
	case "":
	case Bridge, Host:
		here.network = n
	default:
		return here, fmt.Errorf("container network %q: known are %s and %s", n, Bridge, Host)
	}
	if here.rootless {
		err = checkRootless(here.network)
	} else {
		err = checkRoot()
	}
	if err = cmp.Or(err, checkCgroups(here.rootless)); err != nil || here.network == Bridge {
		return here, err
	}
	return here, transport.CheckLoopback(inContainers)
}

// inContainers stands for the transport, which this package does not know.
const inContainers = "in containers"

func unavailable(reason error, remedy string) error {
	return &transport.Unavailable{Transport: inContainers, Reason: reason.Error(), Remedy: remedy}
}

// checkRoot looks for what root may lack, inside of a container for example.
func checkRoot() error {
	for _, needed := range []struct {
		bit  uint
		name string
	}{{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}} {
		if !measure.Capable(needed.bit) {
			return unavailable(fmt.Errorf("root has no %s here", needed.name), "run outside of a container, or in a privileged one")
		}
	}
	// The root of a user namespace may write to control groups and is refused when it uses them.
	if users, err := os.ReadFile("/proc/self/uid_map"); err == nil && !slices.Equal(strings.Fields(string(users)), allUsers) {
		return unavailable(errors.New("this is the root of a user namespace, not the machine's"), "run outside of the user namespace, as root or as another user")
	}
	return nil
}

// allUsers is user_namespaces(7)' map of what is no namespace of its own.
var allUsers = []string{"0", "0", "4294967295"}

func checkRootless(network Network) error {
	if network == Bridge {
		return unavailable(errors.New("a bridge needs root"), "run as root, or with --container-net host")
	}
	// A user namespace can be forbidden in several ways, so it is tried.
	// The program does not exist: only the way to it is of interest.
	probe := &exec.Cmd{Path: "/nonexistent", SysProcAttr: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}}
	if err := probe.Start(); !errors.Is(err, unix.ENOENT) {
		return unavailable(fmt.Errorf("no user namespace can be made: %w", err), "run as root, or sysctl -w user.max_user_namespaces=10000")
	}
	return nil
}

// checkStatic returns nil when path is a program that needs no other file to run.
func checkStatic(path string) error {
	file, err := elf.Open(path)
	if os.IsNotExist(err) {
		return fmt.Errorf("%s is not built", path)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be run: %w", path, err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs shared libraries, which a container from scratch has not", path)
		}
	}
	return nil
}
