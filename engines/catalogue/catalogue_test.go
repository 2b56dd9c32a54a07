package catalogue

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"rrbench/engines"
	"rrbench/engines/enginetest"
)

func TestEveryEngineOpensOrSaysWhyNot(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			engine, err := New(name, Options{CacheDir: t.TempDir()})
			if refused := Check(name); refused != nil {
				var unavailable *engines.Unavailable
				if !errors.As(err, &unavailable) || !errors.As(refused, &unavailable) || unavailable.Remedy == "" {
					t.Fatalf("New says %v, Check says %v", err, refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if engine.Name() != name {
				t.Errorf("name is %q", engine.Name())
			}
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnknownEngine(t *testing.T) {
	_, err := New("wasm3", Options{})
	for _, err := range []error{err, Check("wasm3")} {
		if err == nil || !strings.Contains(err.Error(), `"wasm3"`) || !strings.Contains(err.Error(), Names()[0]) {
			t.Errorf("error is %v", err)
		}
	}
}

// TestFeatures has the errors of engines name the others, and the documentation say what each takes.
func TestFeatures(t *testing.T) {
	document, err := os.ReadFile("../../docs/guest-abi.md")
	if err != nil {
		t.Fatal(err)
	}
	opened := map[string]engines.Engine{}
	for _, name := range Names() {
		if Check(name) != nil {
			t.Logf("without %s", name)
			continue
		}
		if opened[name], err = New(name, Options{CacheDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		defer opened[name].Close()
	}
	line := "| beyond WebAssembly 2.0 | " + strings.Join(Names(), " | ") + " |"
	if len(opened) == len(Names()) && !strings.Contains(string(document), line) {
		t.Errorf("docs/guest-abi.md lacks %q", line)
	}
	for _, feature := range engines.Features() {
		line := "| " + string(feature) + " |"
		var having, lacking []string
		for _, name := range Names() {
			if engine := opened[name]; engine == nil {
				continue
			} else if slices.Contains(engine.Capabilities().Features, feature) {
				having = append(having, name)
				line += " yes |"
			} else {
				lacking = append(lacking, name)
				line += " no |"
			}
		}
		if len(opened) == len(Names()) && !strings.Contains(string(document), line) {
			t.Errorf("docs/guest-abi.md lacks %q", line)
		}
		for _, name := range lacking {
			_, err := opened[name].Compile(t.Context(), enginetest.Needing(t, feature))
			want := "it needs " + string(feature) + ", which engine " + name + " lacks, as all of this program do: build it without"
			if having != nil {
				want = "it needs " + string(feature) + ", which engine " + name + " lacks, but not " + strings.Join(having, " and ") + ": use --engines"
			}
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error is %v, want %s", err, want)
			}
		}
	}
}

// TestEnginesNest calls from a guest of each engine through the host into a guest of each
// other engine, and back again.
func TestEnginesNest(t *testing.T) {
	var functions []engines.Function
	// Each level calls the next guest, round and round.
	next := func(_ engines.Instance, stack []uint64) error {
		level := stack[0]
		if level == 0 {
			return nil
		}
		inner := []uint64{level - 1}
		err := functions[int(level)%len(functions)].Call(inner)
		stack[0] = inner[0]
		return err
	}
	for _, name := range Names() {
		engine, err := New(name, Options{CacheDir: t.TempDir()})
		if err != nil {
			t.Logf("without %s: %v", name, err)
			continue
		}
		defer engine.Close()
		module, err := engine.Compile(t.Context(), enginetest.Module(t, "nested"))
		if err != nil {
			t.Fatal(err)
		}
		defer module.Close()
		instance, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: name, Imports: []engines.HostFunction{{
			FunctionType: module.Imports()[0], Module: "env", Handler: next,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		defer instance.Close()
		down, _ := instance.Function("down")
		functions = append(functions, down)
	}
	const depth = 20
	stack := []uint64{depth}
	if err := functions[0].Call(stack); err != nil {
		t.Fatal(err)
	}
	if stack[0] != depth+1 {
		t.Errorf("%d guests were entered, want %d", stack[0], depth+1)
	}
}
