package launch

import (
	"strings"
	"testing"

	"rrbench/catalogue"
	"rrbench/transport"
)

// The error for a transport and a launcher that do not go together names a launcher that does.
func TestBy(t *testing.T) {
	for _, test := range []struct{ name, launcher, is, reason string }{
		{name: "user/copy", is: ""},
		{name: "user/copy", launcher: "process", is: ""},
		{name: "user/copy", launcher: "containerd", is: "containerd"},
		{name: "user/copy", launcher: "runc", reason: "runc starts http/container alone, not user/copy: give --launcher process"},
		{name: "network/splice", launcher: "containerd", is: "containerd"},
		{name: "http/wasi", launcher: "containerd", is: "containerd"},
		{name: "http/container", is: "runc"},
		{name: "http/container", launcher: "runc", is: "runc"},
		{name: "http/container", launcher: "containerd", is: "containerd"},
		{name: "http/container", launcher: "process", reason: "give --launcher runc or containerd"},
		{name: "http/native", launcher: "containerd", reason: "not http/native: give --launcher process"},
		{name: "http/external", launcher: "containerd", is: "containerd"},
		{name: "redis", launcher: "containerd", reason: "not redis: give --launcher process"},
		{name: "limit/memcpy", launcher: "containerd", reason: "not limit/memcpy"},
	} {
		found, err := catalogue.Find(test.name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := By(found.Info(), test.launcher, "wazero")
		switch {
		case test.reason != "":
			if err == nil || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%s by %s: %v", test.name, test.launcher, err)
			}
		case err != nil:
			t.Errorf("%s by %s: %v", test.name, test.launcher, err)
		default:
			own := test.is
			if own == "" {
				own = transport.LauncherProcess
			}
			if Own(info) != own {
				t.Errorf("%s by %q is started by %s, not %s", test.name, test.launcher, Own(info), own)
			}
		}
	}
}

// An agent that is asked for containerd has none.
func TestContainerdNeedsASweep(t *testing.T) {
	if err := For(transport.Info{Launcher: transport.LauncherContainerd}).Check(""); err == nil || !strings.Contains(err.Error(), "only a sweep") {
		t.Error(err)
	}
}
