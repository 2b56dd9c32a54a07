package audit

import (
	"os"
	"reflect"
	"testing"
)

const someMappings = `55d0c0000000-55d0c0001000 r--p 00000000 fe:00 1234                       /usr/bin/redis-server
55d0c0001000-55d0c0009000 r-xp 00001000 fe:00 1234                       /usr/bin/redis-server
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000002000-7f0000003000 rw-s 00002000 00:01 99                         /memfd:a name (deleted)
7ffd00000000-7ffd00001000 rw-p 00000000 00:00 0                          [stack]
`

func TestParseMappings(t *testing.T) {
	found, err := parseMappings(someMappings)
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{
		{0x55d0c0000000, 0x55d0c0001000, 0, false, "/usr/bin/redis-server"},
		{0x55d0c0001000, 0x55d0c0009000, 0x1000, true, "/usr/bin/redis-server"},
		{0x7f0000002000, 0x7f0000003000, 0x2000, false, "/memfd:a name (deleted)"},
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("found %+v, want %+v", found, want)
	}
	m, offset, ok := fileOffset(found, 0x55d0c0001234)
	if !ok || offset != 0x1234 || !m.executable {
		t.Errorf("found %+v, offset %#x, %v", m, offset, ok)
	}
	if _, _, ok := fileOffset(found, 0x7f0000000000); ok {
		t.Error("found a file behind anonymous memory")
	}
	for _, bad := range []string{"x\n", "g-h r-xp 0 0:0 0 /f\n", "1-h r-xp 0 0:0 0 /f\n", "1-2 r-xp y 0:0 0 /f\n"} {
		if _, err := parseMappings(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzParseMappings(f *testing.F) {
	f.Add(someMappings)
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseMappings(text)
		if err != nil {
			return
		}
		for _, m := range found {
			if m.path == "" || m.path[0] != '/' {
				t.Errorf("a mapping without a file: %+v", m)
			}
		}
	})
}

const someIO = "rchar: 3\nwchar: 4\nsyscr: 1\nsyscw: 2\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"

func TestParseIO(t *testing.T) {
	c, err := parseIO([]byte(someIO))
	if want := (ioCounters{3, 4, 1, 2}); err != nil || c != want {
		t.Errorf("%+v, %v, want %+v", c, err, want)
	}
	for _, bad := range []string{"", "rchar: 3\n", "rchar: -1\nwchar: 4\nsyscr: 1\nsyscw: 2\n"} {
		if _, err := parseIO([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzParseIO(f *testing.F) {
	f.Add([]byte(someIO))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseIO(text) })
}

func TestParseStat(t *testing.T) {
	s, err := parseStat([]byte("7 (a) name (x) S 5 7 7 0 -1 4194304 11 0 13 0 1 2 0 0\n"))
	if want := (statCounters{5, 24}); err != nil || s != want {
		t.Errorf("%+v, %v, want %+v", s, err, want)
	}
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := parseStat(text); err != nil || s.parent != os.Getppid() {
		t.Errorf("%+v, %v, want the parent %d", s, err, os.Getppid())
	}
	for _, bad := range []string{"", "7 (a) S 5", "7 (a) S x 7 7 0 -1 4194304 11 0 13 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) S 5 7 7 0 -1 4194304 11 0 13 0 1 2 0 0\n"))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseStat(text) })
}

func TestParseSwitches(t *testing.T) {
	if n := parseSwitches([]byte("Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n")); n != 695 {
		t.Errorf("%d switches", n)
	}
}
