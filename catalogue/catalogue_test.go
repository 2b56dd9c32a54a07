package catalogue

import (
	"slices"
	"strings"
	"testing"

	"rrbench/transport"
)

type named struct {
	transport.Transport
	name string
}

func (n named) Info() transport.Info { return transport.Info{Name: n.name} }

func TestFind(t *testing.T) {
	var all []transport.Transport
	for _, name := range []string{"user/copy", "kernel/stream", "network/splice", "network/stream", "limit/tcp"} {
		all = append(all, named{name: name})
	}
	for _, c := range []struct{ name, err string }{
		{"user/copy", ""},
		{"limit/tcp", ""},
		{"user/coyp", `unknown transport "user/coyp": did you mean user/copy?`},
		{"copy", `unknown transport "copy": did you mean user/copy?`},
		{"Stream", `unknown transport "Stream": did you mean kernel/stream or network/stream?`},
		{"KERNEL/STREAM", `unknown transport "KERNEL/STREAM": did you mean kernel/stream?`},
		{"limit/tpc", `unknown transport "limit/tpc": did you mean limit/tcp?`},
		{"grpc", `unknown transport "grpc": known are kernel/stream, limit/tcp, network/splice, network/stream, user/copy`},
		{"", `unknown transport "": known are kernel/stream, limit/tcp, network/splice, network/stream, user/copy`},
	} {
		found, err := FindAmong(all, c.name)
		switch {
		case c.err == "" && (err != nil || found.Info().Name != c.name):
			t.Errorf("%s: %v, %v", c.name, found, err)
		case c.err != "" && (err == nil || err.Error() != c.err):
			t.Errorf("%s: %v instead of %s", c.name, err, c.err)
		}
	}
}

// Tables and figures know only the facts that a transport's Info has.
func TestInfosAreComplete(t *testing.T) {
	families := []transport.Family{transport.User, transport.Kernel, transport.Network, transport.HTTP, transport.Redis, transport.Limit}
	type place struct {
		family transport.Family
		place  int
	}
	names, places := map[string]bool{}, map[place]string{}
	for _, tr := range All() {
		info := tr.Info()
		switch {
		case info.Name == "" || info.Summary == "" || strings.Contains(info.Summary, "\n"):
			t.Errorf("a name and a summary of one line are missing: %+v", info)
		case names[info.Name]:
			t.Errorf("two transports are called %s", info.Name)
		case len(info.Codecs) == 0 || info.CopiesPerTarget < 0 || info.CopiesAtSource < 1:
			t.Errorf("%s: codecs %v, %d copies a target, %d at the source", info.Name, info.Codecs, info.CopiesPerTarget, info.CopiesAtSource)
		case !slices.Contains(families, info.Family) || info.Place < 1:
			t.Errorf("%s: place %d in family %q", info.Name, info.Place, info.Family)
		case (info.Family == transport.Limit) != (info.Runs == transport.NoFunction) || (info.Family == transport.Limit) != strings.HasPrefix(info.Name, "limit/"):
			t.Errorf("%s: a limit is in the family %s, named so, and runs nothing", info.Name, transport.Limit)
		case (info.Family == transport.Limit) != (len(info.Limits) == 0):
			t.Errorf("%s is held against %q", info.Name, info.Limits)
		}
		names[info.Name] = true
		at := place{info.Family, info.Place}
		if other, taken := places[at]; taken {
			t.Errorf("%s and %s have the same place", other, info.Name)
		}
		places[at] = info.Name
		if found, err := Find(info.Name); err != nil || found.Info().Name != info.Name {
			t.Errorf("find %s: %v", info.Name, err)
		}
		for _, name := range info.Limits {
			if limit, err := Find(name); err != nil || limit.Info().Family != transport.Limit {
				t.Errorf("%s is held against %s, which is no limit: %v", info.Name, name, err)
			}
		}
		if p := info.Parameter; p != nil && (p.Flag == "" || p.Help == "" || strings.Contains(p.Help, "\n") || p.Read == nil) {
			t.Errorf("%s: a flag, a help of one line and a reader are missing: %+v", info.Name, p)
		}
	}
}
