package redis

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Setenv(passwordVariable, "")
	for parameter, want := range map[string]place{
		"":                          {Private: true, Network: overUnix},
		"unix":                      {Private: true, Network: overUnix},
		"tcp":                       {Private: true, Network: overTCP},
		"localhost:6379":            {Network: overTCP, Address: "localhost:6379"},
		"[::1]:7000":                {Network: overTCP, Address: "[::1]:7000"},
		"redis://db.example":        {Network: overTCP, Address: "db.example:6379"},
		"redis://u:p@host:7000/3":   {Network: overTCP, Address: "host:7000", Username: "u", Password: "p", Database: 3},
		"redis://:p@host:7000":      {Network: overTCP, Address: "host:7000", Password: "p"},
		"unix:///run/redis.sock":    {Network: overUnix, Address: "/run/redis.sock"},
		"unix://u:p@/run/r.s?db=2":  {Network: overUnix, Address: "/run/r.s", Username: "u", Password: "p", Database: 2},
		"redis://[::1]:7000/?db=11": {Network: overTCP, Address: "[::1]:7000", Database: 11},
	} {
		if got, err := New().(through).choose(parameter); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", parameter, got, err, want)
		}
	}
	t.Setenv(passwordVariable, "from outside")
	for parameter, want := range map[string]string{"host:1": "from outside", "redis://host": "from outside", "redis://:p@host": "p", "unix": ""} {
		if got, err := New().(through).choose(parameter); err != nil || got.Password != want {
			t.Errorf("%q has the password %q, %v; want %q", parameter, got.Password, err, want)
		}
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
