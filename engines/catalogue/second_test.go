package catalogue

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/engines"
	"rrbench/engines/enginetest"
)

// program writes a program that stands for the second one: a script.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), SecondProgram)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecondProgram(t *testing.T) {
	answer := `{"Revision": "` + revision() + `", "Engines": [
		{"Name": "fast", "Version": "1.2", "Capabilities": {"StableBase": true, "Features": ["tail calls"]}, "CacheFault": "full"},
		{"Name": "absent", "Reason": "its library is not found", "Remedy": "install it"}]}`
	module := `{"Module": {"Imports": [{"ImportModule": "env", "Name": "f", "Params": [127]}], "ExportsMemory": true}}`
	o := ask(program(t, `
		case "$*" in
		engines) cat <<'END'
`+answer+`
END
		;;
		"engines fast") case $(wc -c) in
			1) printf '%s' '{"Error": "it is\nbroken"}' ;;
			2) echo '{"Error": "it needs", "Lacking": "threads"}' ;;
			*) echo '`+module+`' ;;
			esac ;;
		esac`))
	if o.fault != nil {
		t.Fatal(o.fault)
	}
	engine, err := o.open("fast", errNowhere)
	if err != nil {
		t.Fatal(err)
	}
	if engine.Name() != "fast" || engine.Version() != "1.2" || !engine.Capabilities().StableBase || engine.CacheFault().Error() != "full" {
		t.Errorf("it is %+v", engine)
	}
	compiled, err := engine.Compile(t.Context(), enginetest.Module(t, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	if got := compiled.Imports(); len(got) != 1 || got[0].String() != "env.f(i32)" || !compiled.ExportsMemory() || len(compiled.Exports()) != 0 {
		t.Errorf("the module is %+v", compiled)
	}
	if _, err := compiled.Instantiate(t.Context(), engines.InstanceConfig{}); err == nil {
		t.Error("it makes instances here")
	}
	if _, err := engine.Compile(t.Context(), make([]byte, 1)); err == nil || err.Error() != "it is broken" {
		t.Errorf("error is %q", err)
	}
	var lacking *engines.Lacking
	if _, err := engine.Compile(t.Context(), make([]byte, 2)); !errors.As(err, &lacking) || lacking.Feature != engines.Threads {
		t.Errorf("error is %v", err)
	}
	var unavailable *engines.Unavailable
	if _, err := o.open("absent", errNowhere); !errors.As(err, &unavailable) || unavailable.Reason != "its library is not found" || unavailable.Remedy != "install it" {
		t.Errorf("error is %v", err)
	}
	if _, err := o.open("unknown", errNowhere); err != errNowhere {
		t.Errorf("error is %v", err)
	}
}

func TestBrokenSecondProgram(t *testing.T) {
	notBuilt := engines.NotBuilt("fast")
	for script, words := range map[string]string{
		"exit 3":                             "exit status 3",
		"echo 'no libwasmer.so' >&2; exit 1": "no libwasmer.so",
		"echo hello":                         "invalid character",
		`echo '{"Revision": "another"}'`:     "another version",
		"kill -9 $$":                         "killed",
	} {
		_, err := ask(program(t, script)).open("fast", notBuilt)
		var unavailable *engines.Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), words) || unavailable.Remedy == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error is %v", script, err)
		}
	}
	if _, err := ask(filepath.Join(t.TempDir(), SecondProgram)).open("fast", notBuilt); err != notBuilt {
		t.Errorf("without a second program the error is %v", err)
	}
}

// TestAnswer has this program answer as the second one does.
func TestAnswer(t *testing.T) {
	var described, compiled strings.Builder
	if err := Answer(t.Context(), "", nil, &described); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(described.String(), `{"Name":"wazero"`) {
		t.Errorf("the answer is %s", described.String())
	}
	if err := Answer(t.Context(), "wazero", strings.NewReader("no module"), &compiled); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(compiled.String(), `"Error":"not a WebAssembly module`) {
		t.Errorf("the answer is %s", compiled.String())
	}
}
