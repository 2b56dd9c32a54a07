package http

import (
	"fmt"

	"rrbench/baselines/function"
	"rrbench/transport"
)

// native is a transport between compiled Go functions, each in a shim of its own. The
// transports of this package differ in what starts these shims and in nothing else.
type native struct{ name, summary, launcher string }

// New is http/native: the shims are processes.
func New() transport.Transport {
	return native{"http/native", "native functions exchange HTTP/1.1 requests with net/http, JSON or raw bodies", transport.LauncherProcess}
}

// NewContainer is http/container: the functions of http/native in two OCI containers. Its
// parameter is how these reach one another.
func NewContainer() transport.Transport {
	return native{"http/container", "the functions of http/native in two OCI containers, over a bridge or the host's network", transport.LauncherRunc}
}

func (n native) Info() transport.Info {
	info := transport.Info{
		Name:     n.name,
		Summary:  n.summary,
		Family:   transport.HTTP,
		Place:    2,
		Limits:   []string{"limit/tcp"},
		Hosting:  transport.SeparateProcesses,
		FansIn:   true,
		Across:   true,
		Runs:     transport.Native,
		Launcher: n.launcher,
		Codecs:   function.Codecs(),
		// The serialized object, the decoded one, and as much garbage before the
		// collector runs.
		CopiesPerTarget: 4,
		// The object and its serialized form.
		CopiesAtSource: 3,
	}
	if n.launcher == transport.LauncherRunc {
		info.Place = 3
		info.Parameter = &transport.Parameter{
			Flag: "container-net",
			Help: "how the containers of " + n.name + " reach one another: bridge, host (default bridge as root, else host)",
			Read: func(value string) (*transport.StandIn, error) {
				if value != "bridge" && value != "host" {
					return nil, fmt.Errorf("container network %q: known are bridge and host", value)
				}
				return nil, nil
			},
		}
	}
	return info
}

// Check implements transport.Transport. What containers reach is for their launcher to say.
func (n native) Check() error {
	if n.launcher != transport.LauncherProcess {
		return nil
	}
	return transport.CheckLoopback(n.name)
}
