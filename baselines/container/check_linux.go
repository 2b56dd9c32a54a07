package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"rrbench/transport"
)

const (
	installRunc = "apt-get install runc"
	buildIt     = "make build"
	becomeRoot  = "run as root, or with --container-net host"
)

// Check looks for everything that a container needs, without starting one.
func (containers) Check() error {
	_, err := survey(transport.Setup{})
	return err
}

// site is what this machine offers to containers.
type site struct {
	program  string
	network  Network
	rootless bool
}

// survey looks for everything that containers with that setup need.
func survey(setup transport.Setup) (site, error) {
	here := site{rootless: os.Geteuid() != 0}
	if _, err := findRunc(); err != nil {
		return here, unavailable(err, installRunc)
	}
	var err error
	if here.program, err = findProgram(); err != nil {
		return here, unavailable(err, buildIt)
	}
	switch {
	case setup.Parameter != "":
		if here.network, err = ParseNetwork(setup.Parameter); err != nil {
			return here, err
		}
	case here.rootless:
		here.network = Host
	default:
		here.network = Bridge
	}
	if here.rootless {
		return here, checkRootless(here.network)
	}
	return here, checkRoot()
}

// checkRoot looks for what root can lack, inside of a container for example.
func checkRoot() error {
	for _, needed := range []struct {
		bit  uint
		name string
	}{{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}} {
		if has, err := capable(needed.bit); err == nil && !has {
			return unavailable(fmt.Errorf("root has no %s here", needed.name), "run outside of a container, or in a privileged one")
		}
	}
	if err := writableCgroups(); err != nil {
		return unavailable(err, "mount "+cgroupRoot+" writable, or run outside of a container")
	}
	return nil
}

func checkRootless(network Network) error {
	if network == Bridge {
		return unavailable(errors.New("a bridge needs root"), becomeRoot)
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

// capable says whether this process has the capability effectively.
func capable(bit uint) (bool, error) {
	process, err := procfs.Self()
	if err != nil {
		return false, err
	}
	status, err := process.NewStatus()
	if err != nil {
		return false, err
	}
	return status.CapEff&(1<<bit) != 0, nil
}
