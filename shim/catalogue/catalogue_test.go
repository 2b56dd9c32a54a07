package catalogue

import (
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
		found, err := find(all, c.name)
		switch {
		case c.err == "" && (err != nil || found.Info().Name != c.name):
			t.Errorf("%s: %v, %v", c.name, found, err)
		case c.err != "" && (err == nil || err.Error() != c.err):
			t.Errorf("%s: %v instead of %s", c.name, err, c.err)
		}
	}
}

func TestNamesAreUniqueAndDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, transport := range All() {
		info := transport.Info()
		if seen[info.Name] {
			t.Errorf("two transports are called %s", info.Name)
		}
		seen[info.Name] = true
		if info.Name == "" || info.Summary == "" || len(info.Codecs) == 0 || info.CopiesPerTarget < 0 || info.CopiesAtSource < 0 {
			t.Errorf("%+v", info)
		}
		if found, err := Find(info.Name); err != nil || found.Info().Name != info.Name {
			t.Errorf("find %s: %v", info.Name, err)
		}
	}
}
