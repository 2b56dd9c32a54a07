package runtimes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rrbench/catalogue"
	engines "rrbench/engines/catalogue"
	"rrbench/measure"
	"rrbench/shim"
	"rrbench/shim/shimtest"
	"rrbench/workloads"
)

// TestMain lets the test program be its own shims.
func TestMain(m *testing.M) {
	shimtest.Roles{"shim": func() error { return shim.Serve(catalogue.Find) }}.Play()
	m.Run()
}

// all are the runtimes that there are here, of a program.
func all(t *testing.T, p Program) (found []Runtime) {
	t.Helper()
	every := []Runtime{Native{}, Container{}}
	for _, name := range engines.BuiltIn() {
		every = append(every, Engine{name, engines.Check, shim.Child{}})
	}
	for _, c := range Commands() {
		every = append(every, c)
	}
	for _, r := range every {
		if err := r.Check(t.Context(), p); err != nil {
			t.Logf("without %s %s: %v", r.Name(), r.Launcher(), err)
			continue
		}
		found = append(found, r)
	}
	return found
}

// program is one of the suite, built natively where there is a compiler.
func program(t *testing.T, name string) Program {
	t.Helper()
	list := slices.Concat(workloads.ComputePrograms(), workloads.StartPrograms())
	i := slices.IndexFunc(list, func(p workloads.ComputeProgram) bool { return p.Name == name })
	p := Program{Name: name}
	var err error
	if p.Module, err = list[i].Module(); err != nil {
		t.Fatal(err)
	}
	if compiler, err := FindCompiler(t.Context()); err == nil {
		if p.Native, err = compiler.Build(t.Context(), list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestRun(t *testing.T) {
	hello := program(t, "hello")
	hello.Output = digestOf([]byte("Hello, world!\n"))
	cat := program(t, "cat-sync")
	cat.Input = []byte(strings.Repeat("what goes in comes out\n", 10_000))
	cat.Output = digestOf(cat.Input)
	var store Store
	defer store.Close()
	for _, r := range all(t, hello) {
		for _, kind := range []Kind{Compute, ColdStart} {
			for _, p := range []Program{program(t, "nop"), hello, cat} {
				if p.Name == "nop" && kind == ColdStart {
					continue // it has no first byte
				}
				t.Run(fmt.Sprintf("%s/%s/%s/%s", kind, p.Name, r.Name(), r.Launcher()), func(t *testing.T) {
					outcome, err := r.Run(t.Context(), Request{Program: p, Kind: kind, Deadline: time.Minute, Store: &store})
					if err != nil {
						t.Fatal(err)
					}
					var names []string
					for _, phase := range outcome.Phases {
						names = append(names, phase.Name)
						if phase.Ns < 0 || phase.T0 <= 0 {
							t.Errorf("phase %+v", phase)
						}
					}
					if !slices.Equal(names, r.Phases(kind)) {
						t.Errorf("phases %v, want %v", names, r.Phases(kind))
					}
					t.Log(outcome)
				})
			}
		}
	}
}

func TestIdle(t *testing.T) {
	hello := program(t, "hello")
	var store Store
	defer store.Close()
	for _, r := range all(t, hello) {
		t.Run(r.Name()+"/"+r.Launcher(), func(t *testing.T) {
			outcome, err := r.Run(t.Context(), Request{Program: hello, Kind: ColdStart, Idle: 3, Deadline: time.Minute, Store: &store})
			if err != nil {
				t.Fatal(err)
			}
			if len(outcome.Phases) != 1 || outcome.Phases[0].Name != Idle || outcome.Memory.PSSPeak <= 0 {
				t.Errorf("outcome %+v", outcome)
			}
			t.Log(outcome)
		})
	}
}

// A program that does not end, fails or writes something else is an error with the reason.
func TestFailure(t *testing.T) {
	resize, hello := program(t, "resize"), program(t, "hello")
	wrong := hello
	wrong.Output = digestOf([]byte("Good bye!\n"))
	resize.Input = []byte("GIF89a")
	waits := hello
	waits.Arguments = []string{"16"} // of fannkuch: hours
	waits.Name, waits.Module, waits.Native = "fannkuch-redux", program(t, "fannkuch-redux").Module, program(t, "fannkuch-redux").Native
	var store Store
	defer store.Close()
	for _, r := range all(t, hello) {
		for _, test := range []struct {
			Program
			deadline time.Duration
			want     string
		}{
			{wrong, time.Minute, "hello has written something else than expected: 14 bytes"},
			{resize, time.Minute, "the picture cannot be decoded: it is no PPM"},
			{waits, 300 * time.Millisecond, "no answer within 300ms"},
		} {
			t.Run(fmt.Sprintf("%s/%s/%s", test.Name, r.Name(), r.Launcher()), func(t *testing.T) {
				_, err := r.Run(t.Context(), Request{Program: test.Program, Kind: Compute, Deadline: test.deadline, Store: &store})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
			})
		}
	}
}

func TestParseCommand(t *testing.T) {
	c, err := ParseCommand("own=/opt/run --fast {module} {args}")
	if err != nil || c.Runtime != "own" || c.String() != "own=/opt/run --fast {module} {args}" {
		t.Errorf("%+v, %v", c, err)
	}
	words := fill(c.Words, map[string]string{"{module}": "/a b.wasm"}, []string{"1", "two words"})
	if want := []string{"/opt/run", "--fast", "/a b.wasm", "1", "two words"}; !slices.Equal(words, want) {
		t.Errorf("words %q, want %q", words, want)
	}
	for text, want := range map[string]string{
		"own":                  "give NAME='COMMAND {module} {args}'",
		"own=run it":           "has no word {module}",
		"own={module}":         "begins with {module}",
		"native=run {module}":  "choose another name",
		"a name=run {module} ": "give NAME=",
	} {
		if _, err := ParseCommand(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// A command that is missing or is no runtime is unavailable, with the reason.
func TestCommandUnavailable(t *testing.T) {
	for text, want := range map[string]string{
		"a=/nonexistent/run {module}": "/nonexistent/run is not on PATH",
		"b=false {module}":            "it exited with status 1",
	} {
		c, err := ParseCommand(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(t.Context(), Program{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// No part of a run has used less than nothing, however its ticks fell.
func TestRest(t *testing.T) {
	for _, test := range []struct{ used, part, want measure.Usage }{
		{measure.Usage{UserNs: 7, KernelNs: 5}, measure.Usage{UserNs: 4, KernelNs: 4}, measure.Usage{UserNs: 3, KernelNs: 1}},
		{measure.Usage{UserNs: 3, KernelNs: 9}, measure.Usage{UserNs: 4, KernelNs: 4}, measure.Usage{KernelNs: 4}},
		{measure.Usage{UserNs: 9, KernelNs: 3}, measure.Usage{UserNs: 4, KernelNs: 4}, measure.Usage{UserNs: 4}},
	} {
		if got := rest(test.used, test.part); got != test.want {
			t.Errorf("%+v after %+v: %+v, want %+v", test.used, test.part, got, test.want)
		}
	}
}
