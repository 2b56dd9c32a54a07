package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"rrbench/tune/crossovers"
)

// TestScripts runs testdata/script: what each command prints and refuses, and how it ends.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			cache, err := os.UserCacheDir() // of compiled code
			if err != nil {
				return err
			}
			root, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			bin := filepath.Dir(program)
			env.Setenv("ROOT", root)
			env.Setenv("BIN", bin)
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("XDG_CACHE_HOME", cache)
			env.Setenv(crossovers.Variable, "default")
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition != "counting" {
				return false, fmt.Errorf("unknown condition %q", condition)
			}
			return !counting().lacking, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits STATUS COMMAND ARGUMENT...
			"exits": func(ts *testscript.TestScript, _ bool, arguments []string) {
				want, err := strconv.Atoi(arguments[0])
				ts.Check(err)
				exits(ts, want, arguments[1], arguments[2:]...)
			},
			// refuses ARGUMENT...: rrbench finds fault with its arguments, in one line.
			"refuses": func(ts *testscript.TestScript, _ bool, arguments []string) {
				exits(ts, exitUsage, "rrbench", arguments...)
				if out := ts.ReadFile("stdout"); out != "" {
					ts.Fatalf("it prints %q", out)
				}
				if text := ts.ReadFile("stderr"); strings.Count(text, "\n") != 1 {
					ts.Fatalf("it complains in more than a line")
				}
			},
		},
	})
}

func exits(ts *testscript.TestScript, want int, command string, arguments ...string) {
	status := exitOK
	var exit *exec.ExitError
	switch err := ts.Exec(command, arguments...); {
	case errors.As(err, &exit):
		status = exit.ExitCode()
	default:
		ts.Check(err)
	}
	if status != want {
		ts.Fatalf("status %d, want %d", status, want)
	}
}
