package runc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rrbench/transport"
)

func TestBundle(t *testing.T) {
	for _, test := range []struct {
		network     string
		environment []string
		rootless    bool
		namespaces  string
		mappings    int
	}{
		{"/net", []string{"A=b"}, false, "[pid mount ipc uts network/net]", 0},
		{"", nil, true, "[pid mount ipc uts user]", 1},
	} {
		t.Setenv("TMPDIR", t.TempDir())
		made, err := makeBundle(Spec("/p", test.network, test.environment, "shim"), "/p", test.rootless)
		if err != nil {
			t.Fatal(err)
		}
		defer made.Release()
		directory, group := made.Path, ""
		if !test.rootless {
			group = "/" + filepath.Base(made.Path)
		}
		var spec specs.Spec
		config, err := os.ReadFile(filepath.Join(directory, configFile))
		if err == nil {
			err = json.Unmarshal(config, &spec)
		}
		if err != nil {
			t.Fatal(err)
		}
		var namespaces []string
		for _, n := range spec.Linux.Namespaces {
			namespaces = append(namespaces, string(n.Type)+n.Path)
		}
		if fmt.Sprint(namespaces) != test.namespaces {
			t.Errorf("namespaces %s, want %s", namespaces, test.namespaces)
		}
		if len(spec.Linux.UIDMappings) != test.mappings || len(spec.Linux.GIDMappings) != test.mappings || spec.Linux.CgroupsPath != group {
			t.Errorf("%+v", spec.Linux)
		}
		if !spec.Root.Readonly || spec.Process.Capabilities != nil || !spec.Process.NoNewPrivileges || spec.Linux.Resources != nil || spec.Linux.Seccomp != nil {
			t.Errorf("%+v", spec)
		}
		if !slices.Equal(spec.Process.Args, []string{"/rrbench", "shim"}) || !slices.Equal(spec.Process.Env, test.environment) {
			t.Errorf("process %+v", spec.Process)
		}
		if !slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool {
			return m.Destination == "/rrbench" && m.Source == "/p" && slices.Contains(m.Options, "ro")
		}) {
			t.Errorf("the program is not mounted: %+v", spec.Mounts)
		}
		if len(spec.Hooks.Poststop) != 1 || spec.Hooks.Poststop[0].Path != "/p" || !slices.Equal(spec.Hooks.Poststop[0].Args, []string{"rrbench", "shim", "--remove-bundle", directory}) {
			t.Errorf("hooks %+v", spec.Hooks)
		}
		if err := RemoveBundle(filepath.Dir(directory)); err == nil {
			t.Error("what is no bundle was removed")
		}
		if err := RemoveBundle(directory); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(directory); !os.IsNotExist(err) {
			t.Errorf("the bundle stays: %v", err)
		}
	}
}

func TestUnknownNetwork(t *testing.T) {
	l := onNetwork(t, Host)
	if err := l.Check("Host"); err == nil || !strings.Contains(err.Error(), `container network "Host": known are bridge and host`) {
		t.Error(err)
	}
}

// A container has one process, a shim, whose descriptor 3 is the control connection.
func TestProcessOfContainer(t *testing.T) {
	onNetwork(t, Host)
	_, ids := startDriver(t, Host)
	found := 0
	for pid, words := range commands() {
		group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil || !slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(string(group), id) }) {
			continue
		}
		found++
		if !slices.Equal(words, []string{"/rrbench", "shim"}) {
			t.Errorf("a container runs %v", words)
		}
		socket, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/3", pid))
		if err != nil || !strings.HasPrefix(socket, "socket:") {
			t.Errorf("descriptor 3 is %s, %v", socket, err)
		}
	}
	if found != 2 && os.Geteuid() == 0 {
		t.Errorf("%d shims were found", found)
	}
}

func TestRuncIsMissing(t *testing.T) {
	places := runcPlaces
	defer func() { runcPlaces = places }()
	runcPlaces = []string{"/nonexistent/runc"}
	var missing *transport.Unavailable
	if err := (Launcher{}).Check(""); !errors.As(err, &missing) || missing.Remedy != "apt-get install runc" {
		t.Errorf("error %v", err)
	}
}

// Check finds what would make runc fail, and names the command that mends it.
func TestMachineLacksControlGroups(t *testing.T) {
	l := onNetwork(t, Host)
	type lack struct {
		name, prepare, remedy string
		flags                 uintptr
	}
	lacks := []lack{
		{"nothing", "true", "nil", 0},
		{"a user namespace", "true", "(run outside of the user namespace", syscall.CLONE_NEWUSER},
	}
	if os.Geteuid() == 0 {
		lacks = append(lacks, lack{"no mount", "umount -R " + cgroupRoot, "(mount -t cgroup2 cgroup2 " + cgroupRoot + ")", syscall.CLONE_NEWNS})
		if isTree(cgroupRoot + "/devices") {
			lacks = append(lacks, lack{"no devices", "umount " + cgroupRoot + "/devices", "mount -t cgroup -o devices cgroup", syscall.CLONE_NEWNS})
		}
	}
	for _, test := range lacks {
		t.Run(test.name, func(t *testing.T) {
			command := exec.Command("sh", "-ec", test.prepare+`; exec "$0"`, os.Args[0])
			command.Env = append(os.Environ(), checkVariable+"=1", programVariable+"="+l.Program)
			// Mounts are private to what is unshared.
			command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: test.flags}
			if test.flags == syscall.CLONE_NEWUSER {
				command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
				command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
			}
			output, err := command.CombinedOutput()
			if err != nil || !strings.Contains(string(output), test.remedy) {
				t.Errorf("%v, %s, want %s", err, output, test.remedy)
			}
		})
	}
}
