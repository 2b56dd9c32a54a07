package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rrbench/measure"
	"rrbench/transport"
)

func TestOwnerIsInTheName(t *testing.T) {
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	first, second := me.newID(), me.newID()
	if first == second {
		t.Errorf("two containers are called %s", first)
	}
	if got, ok := ownerOf(first); !ok || got != me {
		t.Errorf("owner of %s is %+v, %t; want %+v", first, got, ok, me)
	}
	for _, name := range []string{
		"", "rrbench", "rrbench-", "rrbench-1-2-3", "rrbench-1-2-3-4-5", "rrbench-1-2-x-4", "xrrbench-1-2-3-4",
		"rrbench-1-0-3-4", "rrbench-1--2-3-4", "rrbench-1-99999999999999999999-3-4", "rrbench-1-2-3-4/..", "redis-1-2-3-4",
	} {
		if got, ok := ownerOf(name); ok {
			t.Errorf("%q has the owner %+v", name, got)
		}
	}
}

func TestOwnerIsAlive(t *testing.T) {
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("/bin/true")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	alive := func(change func(*owner)) bool {
		o := me
		change(&o)
		return o.alive()
	}
	if !alive(func(*owner) {}) {
		t.Error("this process is dead")
	}
	if alive(func(o *owner) { o.startTime-- }) {
		t.Error("an earlier process with this process' number is alive")
	}
	if !alive(func(o *owner) { o.pidNamespace++; o.startTime-- }) {
		t.Error("a process in another namespace counts as dead, though nobody knows")
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if alive(func(o *owner) { o.pid = child.Process.Pid }) {
		t.Error("a process that has ended is alive")
	}
}

func TestParseNetwork(t *testing.T) {
	for _, good := range []string{"bridge", "host"} {
		if n, err := ParseNetwork(good); err != nil || string(n) != good {
			t.Errorf("%s: %s, %v", good, n, err)
		}
	}
	for _, bad := range []string{"", "none", "Host"} {
		if _, err := ParseNetwork(bad); err == nil {
			t.Errorf("network %q is accepted", bad)
		}
	}
}

func TestNetworkOfTargets(t *testing.T) {
	on := func(network string) transport.Endpoint {
		return transport.Endpoint{Transport: Name, Facts: map[string]string{factNetwork: network}}
	}
	for _, test := range []struct {
		targets []transport.Endpoint
		want    Network
		err     string
	}{
		{[]transport.Endpoint{on("host")}, Host, ""},
		{[]transport.Endpoint{on("bridge"), on("bridge")}, Bridge, ""},
		{[]transport.Endpoint{on("bridge"), on("host")}, "", "endpoint 1 is on the network host"},
		{[]transport.Endpoint{{Transport: "http/native"}}, "", `endpoint 0, of transport "http/native"`},
	} {
		got, err := networkOf(test.targets)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%v: %q, %v; want %q, %q", test.targets, got, err, test.want, test.err)
		}
	}
}

func TestStatisticsOfControlGroups(t *testing.T) {
	text := []byte("usage_usec 30\nuser_usec 10\nsystem_usec 20\nuser 7\n")
	for name, want := range map[string]int64{"user_usec": 10, "system_usec": 20, "user": 7} {
		if got, err := field(text, name); got != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", name, got, err, want)
		}
	}
	if _, err := field(text, "system"); err == nil {
		t.Error("a field that is not there is found")
	}
	if got, want := split(1000, 1, 3), (measure.Usage{UserNs: 250, KernelNs: 750}); got != want {
		t.Errorf("split %+v, want %+v", got, want)
	}
	if got, want := split(1000, 0, 0), (measure.Usage{UserNs: 1000}); got != want {
		t.Errorf("split without ticks %+v, want %+v", got, want)
	}
}

func TestTimeRunsForward(t *testing.T) {
	last := measure.Usage{UserNs: 90, KernelNs: 10}
	for _, test := range []struct{ now, want measure.Usage }{
		{measure.Usage{UserNs: 95, KernelNs: 15}, measure.Usage{UserNs: 95, KernelNs: 15}},
		{measure.Usage{UserNs: 88, KernelNs: 22}, measure.Usage{UserNs: 90, KernelNs: 20}},
		{measure.Usage{UserNs: 104, KernelNs: 6}, measure.Usage{UserNs: 100, KernelNs: 10}},
		{last, last},
	} {
		if got := forward(last, test.now); got != test.want {
			t.Errorf("%+v after %+v became %+v, want %+v", test.now, last, got, test.want)
		}
	}
}

func TestBundle(t *testing.T) {
	namespaces := func(b blueprint) []string {
		var kinds []string
		for _, n := range b.spec().Linux.Namespaces {
			kinds = append(kinds, string(n.Type)+n.Path)
		}
		return kinds
	}
	root := blueprint{program: "/p", network: "/net", cgroup: "/group"}
	if got, want := fmt.Sprint(namespaces(root)), "[pid mount ipc uts network/net]"; got != want {
		t.Errorf("namespaces %s, want %s", got, want)
	}
	rootless := blueprint{program: "/p", rootless: true}
	if got, want := fmt.Sprint(namespaces(rootless)), "[pid mount ipc uts user]"; got != want {
		t.Errorf("namespaces without privileges %s, want %s", got, want)
	}
	spec := rootless.spec()
	if len(spec.Linux.UIDMappings) != 1 || len(spec.Linux.GIDMappings) != 1 || spec.Linux.CgroupsPath != "" {
		t.Errorf("without privileges: %+v", spec.Linux)
	}
	for _, b := range []blueprint{root, rootless} {
		spec := b.spec()
		if !spec.Root.Readonly || spec.Process.Capabilities != nil || !spec.Process.NoNewPrivileges || spec.Linux.Resources != nil {
			t.Errorf("%+v", spec)
		}
		if !slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool {
			return m.Destination == programInside && m.Source == "/p" && slices.Contains(m.Options, "ro")
		}) {
			t.Errorf("the program is not mounted: %+v", spec.Mounts)
		}
	}
}

func TestStateBelongsToOneUser(t *testing.T) {
	directory := t.TempDir()
	s := state(filepath.Join(directory, "rrbench"))
	if err := s.make(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.bundle("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if ids := s.ids(); !slices.Equal(ids, []string{"x"}) {
		t.Errorf("containers %v", ids)
	}
	s.removeEmpty()
	if _, err := os.Stat(s.bundle("x")); err != nil {
		t.Errorf("a directory in use was removed: %v", err)
	}
	if err := os.Remove(s.bundle("x")); err != nil {
		t.Fatal(err)
	}
	s.removeEmpty()
	if _, err := os.Stat(string(s)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory stays: %v", err)
	}

	if err := os.Mkdir(string(s), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(string(s), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := s.make(); err == nil {
		t.Error("a directory that everybody can write to is accepted")
	}
	// Nothing in it is run, made or removed.
	record := filepath.Join(s.runc(), "x")
	if err := os.MkdirAll(record, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removeRemains(s, "x"); err != nil {
		t.Error(err)
	}
	if ids := s.ids(); ids != nil {
		t.Errorf("containers %v", ids)
	}
	if err := os.Remove(record); err != nil {
		t.Error(err)
	}
	s.removeEmpty()
	if _, err := os.Stat(s.runc()); err != nil {
		t.Error(err)
	}
	link := state(filepath.Join(directory, "link"))
	if err := os.Symlink(directory, string(link)); err != nil {
		t.Fatal(err)
	}
	if err := link.make(); err == nil {
		t.Error("a symbolic link is accepted")
	}
	if _, err := os.Stat(filepath.Join(directory, "bundles")); err == nil {
		t.Error("something was made behind a symbolic link")
	}
}

func TestRuncIsMissing(t *testing.T) {
	places := runcPlaces
	defer func() { runcPlaces = places }()
	runcPlaces = []string{"/nonexistent/runc"}
	var missing *transport.Unavailable
	if err := New().Check(); !errors.As(err, &missing) || missing.Remedy != installRunc {
		t.Errorf("error %v", err)
	}
}

func TestRevisions(t *testing.T) {
	// A test binary knows no revision, so every program suits it.
	if err := sameRevision("abc"); err != nil {
		t.Error(err)
	}
}

// needRoot skips what needs privileges.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
}

func TestBridge(t *testing.T) {
	needRoot(t)
	b, err := newBridge()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for i, want := range []string{"198.18.0.1", "198.18.0.2"} {
		inside, err := newNamespace()
		if err != nil {
			t.Fatal(err)
		}
		defer inside.close()
		again, err := openNamespace(inside.path())
		if err != nil {
			t.Fatal(err)
		}
		defer again.close()
		if address, err := b.plug(again); err != nil || address.String() != want {
			t.Errorf("container %d has the address %v, %v; want %s", i, address, err, want)
		}
		port, err := inside.links.LinkByName(portName)
		if err != nil || port.Attrs().MTU != frameSize {
			t.Errorf("container %d: %+v, %v", i, port, err)
		}
		if _, err := b.plug(inside); err == nil || !strings.Contains(err.Error(), "connected already") {
			t.Errorf("a second cable: %v", err)
		}
	}
	if _, err := openNamespace("/proc/self/nothing"); err == nil {
		t.Error("a namespace that is not there was opened")
	}
	b.ports = mostPorts
	if _, err := b.plug(nil); err == nil || !strings.Contains(err.Error(), "smaller fan-out") {
		t.Errorf("a bridge without free ports: %v", err)
	}
}
