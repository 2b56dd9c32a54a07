package crossovers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rrbench/transport"
)

func sample() *File {
	return &File{
		Format:   Format,
		Measured: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Machine:  ThisMachine(),
		Crossovers: []Crossover{
			{Transport: "user", Engine: "wazero", From: 112 << 10, Because: "measured"},
			{Transport: "kernel", Engine: "wazero", From: Size(transport.Never)},
		},
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "crossovers.json")
	want := sample()
	for range 2 { // the second time over the first
		if err := want.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	got, _, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file there are %v, %v", entries, err)
	}
}

func TestWriteLeavesNothingWhereItFails(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "taken")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := sample().Write(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a directory was overwritten: %v", err)
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestUpdateKeepsWhatWasNotMeasuredAgain(t *testing.T) {
	older, newer := sample(), sample()
	newer.Crossovers = []Crossover{{Transport: "user", Engine: "wazero", From: 1}, {Transport: "user", Engine: "wasmtime", From: 2}}
	merged := older.Update(newer)
	var got []string
	for _, c := range merged.Crossovers {
		got = append(got, c.Transport+" "+c.Engine+" "+transport.FormatCrossover(int64(c.From)))
	}
	if diff := cmp.Diff([]string{"user wazero 1B", "user wasmtime 2B", "kernel wazero never"}, got); diff != "" {
		t.Error(diff)
	}
	older.Machine.CPUs++
	if merged := older.Update(newer); len(merged.Crossovers) != 2 {
		t.Errorf("another machine's crossovers were kept: %+v", merged.Crossovers)
	}
	if merged := (*File)(nil).Update(newer); len(merged.Crossovers) != 2 {
		t.Errorf("%+v", merged.Crossovers)
	}
}

var adaptive = transport.Info{Name: "user", Parameter: &transport.Parameter{Crossover: &transport.Crossover{Default: 1000}}}

func TestChoose(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	usual := filepath.Join(home, "rrbench", "crossovers.json")
	foreign, good := sample(), sample()
	foreign.Machine.CPUModel = "another\x1b[31m"
	good.Crossovers[0].From = 5000

	for _, test := range []struct {
		name      string
		usual     *File
		text      string
		variable  string
		from      int64
		measured  bool
		warnings  []string
		mistakes  []string
		directory bool
	}{
		{name: "none", from: 1000},
		{name: "usual", usual: good, from: 5000, measured: true},
		{name: "another engine", usual: &File{Format: Format, Machine: ThisMachine(), Crossovers: []Crossover{{Transport: "user", Engine: "v8", From: 7}}}, from: 1000},
		{name: "ignored", usual: good, variable: transport.BuiltIn, from: 1000},
		{name: "foreign", usual: foreign, from: 1000, warnings: []string{"another machine", "another\\x1b", "rrbench tune", usual}},
		{name: "corrupt", text: `{"format": 1, "machine"`, from: 1000, warnings: []string{usual, "rrbench tune"}},
		{name: "empty", text: "\n", from: 1000, warnings: []string{usual, "rrbench tune"}},
		{name: "past", text: `{"format": 1}`, from: 1000, warnings: []string{"format is 1", "rrbench tune"}},
		{name: "future", text: `{"format": 3}`, from: 1000, warnings: []string{"format is 3"}},
		{name: "a directory", directory: true, from: 1000, warnings: []string{"neither a file nor a pipe"}},
		{name: "named", variable: "named.json", from: 5000, measured: true},
		{name: "named, missing", variable: "nowhere.json", mistakes: []string{"nowhere.json", Variable}},
		{name: "named, corrupt", variable: "bad.json", mistakes: []string{"bad.json", Variable, "rrbench tune"}},
		{name: "named, foreign", variable: "foreign.json", from: 1000, warnings: []string{"foreign.json", "another machine"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_ = os.RemoveAll(filepath.Dir(usual))
			must(t, good.Write("named.json"))
			must(t, foreign.Write("foreign.json"))
			must(t, os.WriteFile("bad.json", []byte(`{"format": 1}]`), 0o644))
			switch {
			case test.usual != nil:
				must(t, test.usual.Write(usual))
			case test.text != "":
				must(t, os.MkdirAll(filepath.Dir(usual), 0o755))
				must(t, os.WriteFile(usual, []byte(test.text), 0o644))
			case test.directory:
				must(t, os.MkdirAll(usual, 0o755))
			}
			t.Setenv(Variable, test.variable)
			chosen, err := Choose(t.Context())
			if err == nil != (test.mistakes == nil) {
				t.Fatal(err)
			}
			if err != nil {
				holds(t, err.Error(), test.mistakes)
				return
			}
			if from, origin := chosen.InUse(adaptive, "wazero"); from != test.from || strings.HasPrefix(origin, "measured") != test.measured {
				t.Errorf("from %d, %s", from, origin)
			}
			if (chosen.Warning == "") != (test.warnings == nil) {
				t.Errorf("warning %q", chosen.Warning)
			}
			holds(t, chosen.Warning, test.warnings)
		})
	}
}

// A pipe is read when it has a writer; until then the context can end the wait.
func TestReadPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Read(ctx, path); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(`{"format": 2}`), 0) }()
	_, source, err := Read(t.Context(), path)
	if err := errors.Join(err, <-written); err != nil || !source.Pipe {
		t.Error(source, err)
	}
}

func TestParseRefusesWhatIsNeverWritten(t *testing.T) {
	entry := `{"format":2,"crossovers":[%]}`
	for text, word := range map[string]string{
		"":               "not what",
		"[]":             "not what",
		"{}":             "format is 0",
		`{"format":2}{}`: "follows",
		strings.Replace(entry, "%", `{"transport":"user"}`, 1):                                                                  "engine",
		strings.Replace(entry, "%", `{"transport":"user","engine":"e"}`, 1):                                                     "size",
		strings.Replace(entry, "%", `{"transport":"user","engine":"e","from":12}`, 1):                                           "not what",
		strings.Replace(entry, "%", `{"transport":"user","engine":"e","from":"-4KiB"}`, 1):                                      "negative",
		strings.Replace(entry, "%", `{"transport":"user","engine":"e","from":"9EiB"}`, 1):                                       "not what",
		strings.Replace(entry, "%", `{"transport":"user\u001b[2J","engine":"e","from":"4KiB"}`, 1):                              "print",
		strings.Replace(entry, "%", `{"transport":"u","engine":"e","from":"1B"},{"transport":"u","engine":"e","from":"2B"}`, 1): "twice",
		strings.Replace(entry, "%", `{"transport":"u","engine":"`+strings.Repeat("e", 300)+`","from":"1B"}`, 1):                 "longer",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.80q: %v", text, err)
		}
	}
}

// FuzzParse reads anything. What is accepted survives being written and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":2,"measured":"2026-01-02T03:04:05Z","machine":{"cpu_model":"x","cpus":2,"kernel":"6"},"crossovers":[{"transport":"user","engine":"wazero","from":"144KiB"}]}`))
	f.Add([]byte(`{"format":2,"crossovers":[{"transport":"user","engine":"wazero","from":"never","because":"so"}]}`))
	f.Add([]byte(`{"format":2,"crossovers":[{"transport":"user","engine":"wazero","from":"1e99MiB"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parse(text)
		if err != nil {
			if message := err.Error(); strings.ContainsAny(message, "\n\r") || len(message) > 2000 {
				t.Errorf("error %q", message)
			}
			return
		}
		for _, c := range file.Crossovers {
			if c.From < 1 {
				t.Errorf("crossover %d", c.From)
			}
		}
		path := filepath.Join(t.TempDir(), "again.json")
		if err := file.Write(path); err != nil {
			t.Skip(err) // years beyond 9999 have no text
		}
		again, _, err := Read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(file.Crossovers, again.Crossovers); diff != "" {
			t.Error(diff)
		}
	})
}

func holds(t *testing.T, text string, words []string) {
	t.Helper()
	if strings.Contains(text, "\n") {
		t.Errorf("several lines: %q", text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q lacks %q", text, word)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
