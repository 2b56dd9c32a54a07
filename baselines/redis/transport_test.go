package redis

import (
	"strings"
	"testing"

	"rrbench/transport"
)

func TestChoose(t *testing.T) {
	t.Setenv(passwordVariable, "")
	for parameter, want := range map[string]choice{"": {}, overUnix: {}, overTCP: {host: transport.Loopback}} {
		if got, err := New().(through).choose(parameter); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", parameter, got, err, want)
		}
	}
	for _, test := range []struct {
		variable, parameter, network, address, user, password string
		database                                              int
	}{
		{"", "localhost:6379", "tcp", "localhost:6379", "", "", 0},
		{"", "[::1]:7000", "tcp", "[::1]:7000", "", "", 0},
		{"", "redis://db.example", "tcp", "db.example:6379", "", "", 0},
		{"", "redis://u:p@host:7000/3", "tcp", "host:7000", "u", "p", 3},
		{"", "redis://:p@host:7000", "tcp", "host:7000", "", "p", 0},
		{"", "unix:///run/redis.sock", "unix", "/run/redis.sock", "", "", 0},
		{"", "unix://u:p@/run/r.s?db=2", "unix", "/run/r.s", "u", "p", 2},
		{"", "redis://[::1]:7000/?db=11", "tcp", "[::1]:7000", "", "", 11},
		{"of/the@environment", "host:1", "tcp", "host:1", "", "of/the@environment", 0},
		{"of/the@environment", "redis://u@host", "tcp", "host:6379", "u", "of/the@environment", 0},
		{"of/the@environment", "unix:///run/r.s", "unix", "/run/r.s", "", "of/the@environment", 0},
		{"of/the@environment", "redis://:p@host", "tcp", "host:6379", "", "p", 0},
	} {
		t.Setenv(passwordVariable, test.variable)
		chosen, err := New().(through).choose(test.parameter)
		if err != nil {
			t.Errorf("%q: %v", test.parameter, err)
			continue
		}
		library, err := newClient(chosen.url, 0)
		if err != nil {
			t.Fatal(err)
		}
		if o := library.Options(); o.Network != test.network || o.Addr != test.address || o.Username != test.user || o.Password != test.password || o.DB != test.database {
			t.Errorf("%+v is a server at %s %s, user %q, password %q, database %d", test, o.Network, o.Addr, o.Username, o.Password, o.DB)
		}
		_ = library.Close()
	}
}

func TestChooseRefuses(t *testing.T) {
	for _, parameter := range []string{
		"nonsense", "udp", "localhost", "localhost:", ":6379", "localhost:0", "localhost:70000", "localhost:x",
		"http://host", "rediss://host", "redis://host:0", "redis://host:99999", "redis://host/x", "redis://host/1/2",
		"redis://host?ttl=5", "unix://", "unix://relative/path", "unix:relative", "redis://secret:secret@ho st", "redis://u:secret@host:%zz",
	} {
		_, _, err := New().Info().Parameter.Resolve(parameter)
		if err == nil {
			t.Errorf("%q is accepted", parameter)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret") || strings.Contains(text, "\n") || !strings.Contains(text, "give unix, tcp") {
			t.Errorf("%q: %s", parameter, text)
		}
	}
}
