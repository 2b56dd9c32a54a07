package task

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"rrbench/child"
)

// host is a process that hosts functions: a lone one, or those of a pod.
type host struct {
	process    *os.Process
	group      group
	connection *net.UnixConn
	// pod is the sandbox, empty for a lone function. user is that of all functions.
	pod  string
	user specs.User
	// functions are those that have not ended; the service's lock guards it.
	functions map[string]*function
	// ended is closed when the process has ended, with status set.
	ended  chan struct{}
	status uint32
	oom    bool
	sends  sync.Mutex
}

// hostEnvironment is that of a driver's shims, for the same reasons (rrbench/shim.Environment).
var hostEnvironment = []string{"GOGC=100", "GOMEMLIMIT=off", "GODEBUG=asyncpreemptoff=1"}

// startHost starts a process in the control group and the network namespace of a function. The kernel kills it
// when this process ends.
func startHost(program string, spec *specs.Spec, g group, pod string) (*host, error) {
	h := &host{group: g, pod: pod, user: spec.Process.User, functions: make(map[string]*function), ended: make(chan struct{})}
	pair, theirs, err := child.SocketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	connection := pair.(*net.UnixConn)
	// Root may exceed the machine's limit. Send fails where a message does not fit. The host's events are short.
	if raw, err := connection.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4*largestMessage)
		})
	}
	command := exec.Command(program, "function")
	command.Env = hostEnvironment
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "PATH"} {
		if value, there := os.LookupEnv(name); there {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.Dir = "/"
	command.ExtraFiles = []*os.File{theirs}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	started := make(chan error)
	go h.live(command, spec, started)
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), connection.Close())
	}
	h.connection, h.process = connection, command.Process
	if adjust := spec.Process.OOMScoreAdj; adjust != nil {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", h.process.Pid), []byte(strconv.Itoa(*adjust)), 0o644)
	}
	return h, nil
}

// live starts the process on a thread of its own, which before enters the namespace and drops the capabilities
// that the container lacks. It waits there for the process' end, since a parent-death signal is sent when
// the thread ends. The thread is not used again.
func (h *host) live(command *exec.Cmd, spec *specs.Spec, started chan<- error) {
	runtime.LockOSThread()
	before := h.group.killed()
	err := errors.Join(enterNetwork(spec), boundCapabilities(spec))
	if err == nil {
		err = h.group.starting(command.SysProcAttr, command.Start)
	}
	started <- err
	if err != nil {
		return
	}
	_ = command.Wait()
	h.status = uint32(command.ProcessState.ExitCode())
	if ended := command.ProcessState.Sys().(syscall.WaitStatus); ended.Signaled() {
		h.status = 128 + uint32(ended.Signal())
	}
	h.oom = h.group.killed() > before
	close(h.ended)
}

// enterNetwork brings the thread into the function's network namespace: one that is there, a new
// one, or this process' own.
func enterNetwork(spec *specs.Spec) error {
	if spec.Linux == nil {
		return nil
	}
	for _, namespace := range spec.Linux.Namespaces {
		switch {
		case namespace.Type != specs.NetworkNamespace:
		case namespace.Path != "":
			there, err := netns.GetFromPath(namespace.Path)
			if err != nil {
				return fmt.Errorf("open the network namespace %s: %w", namespace.Path, err)
			}
			defer there.Close()
			if err := netns.Set(there); err != nil {
				return fmt.Errorf("enter the network namespace %s: %w", namespace.Path, err)
			}
		default:
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("make a network namespace: %w", err)
			}
			loopback, err := netlink.LinkByName("lo")
			if err == nil {
				err = netlink.LinkSetUp(loopback)
			}
			if err != nil {
				return fmt.Errorf("set the loopback device of a network namespace up: %w", err)
			}
		}
	}
	return nil
}

// boundCapabilities takes from the thread's children each capability that the container lacks, and
// every way to gain privileges.
func boundCapabilities(spec *specs.Spec) error {
	var kept []string
	if spec.Process.Capabilities != nil {
		kept = spec.Process.Capabilities.Bounding
	}
	for bit, name := range capabilities {
		// The host needs these two to become the function's user, and loses them by that.
		if slices.Contains(kept, name) || bit == unix.CAP_SETUID || bit == unix.CAP_SETGID {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(bit), 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("drop %s: %w", name, err)
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// capabilities are those of capabilities(7), by number.
var capabilities = strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL
	CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN
	CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE
	CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG
	CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG
	CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE`)

func (h *host) send(order Order, files ...*os.File) error {
	h.sends.Lock()
	defer h.sends.Unlock()
	return Send(h.connection, order, files...)
}

// kill ends the process, and thaws it, since a frozen process does not die.
func (h *host) kill() {
	_ = h.process.Kill()
	_ = h.group.Thaw()
}

func (h *host) close() error {
	h.kill()
	<-h.ended
	return errors.Join(h.group.Delete(), h.connection.Close())
}

// findProgram finds the program that hosts functions: beside this one, or on PATH.
func findProgram() (string, error) {
	self, _ := os.Executable()
	self, _ = filepath.EvalSymlinks(self)
	for _, name := range []string{filepath.Join(filepath.Dir(self), "rrbench"), "rrbench"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("rrbench, which hosts the functions, is neither beside " + self + " nor on containerd's PATH: install both programs")
}
