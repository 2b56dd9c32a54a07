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

func TestEveryEngineOpensOrReportsWhyNot(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			engine, err := New(name, Options{CacheDir: t.TempDir()})
			if refused := Check(name); refused != nil {
				var unavailable *engines.Unavailable
				if !errors.As(err, &unavailable) || !errors.As(refused, &unavailable) || unavailable.Remedy == "" {
					t.Fatalf("New returns %v, Check returns %v", err, refused)
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

// TestFeatures compares the errors for missing features, and the documentation, with what each engine has.
func TestFeatures(t *testing.T) {
	opened := openAll(t)
	table := readTable(t, "../../docs/guest-abi.md", "beyond WebAssembly 2.0")
	for feature, wasm := range enginetest.Needing {
		var having, lacking []string
		for _, name := range Names() {
			engine := opened[name]
			if engine == nil {
				continue
			}
			has := slices.Contains(engine.Capabilities().Features, feature)
			table.check(t, string(feature), name, has)
			if has {
				having = append(having, name)
			} else {
				lacking = append(lacking, name)
			}
		}
		for _, name := range lacking {
			_, err := opened[name].Compile(t.Context(), wasm)
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

// TestCapabilities compares the documentation with the capabilities of each engine.
func TestCapabilities(t *testing.T) {
	table := readTable(t, "../../docs/engines.md", "what it can")
	for name, engine := range openAll(t) {
		can := engine.Capabilities()
		for row, has := range map[string]bool{
			"memory whose base never moves":                  can.StableBase,
			"pages that move (`user/remap`)":                 can.StableBase && can.PrivateAnonymousMemory,
			"garbage collection of Go while a guest runs":    !can.UninterruptibleCalls,
			"code of large modules kept for other processes": can.KeepsCode,
			"compiling without files":                        !can.CompilesToFiles,
		} {
			table.check(t, row, name, has)
		}
	}
}

// openAll opens the engines that are built in and run here.
func openAll(t *testing.T) map[string]engines.Engine {
	t.Helper()
	opened := map[string]engines.Engine{}
	for _, name := range Names() {
		if Check(name) != nil {
			t.Logf("without %s", name)
			continue
		}
		engine, err := New(name, Options{CacheDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = engine.Close() })
		opened[name] = engine
	}
	return opened
}

// table is one of a document, by row and column.
type table map[string]map[string]string

// readTable reads the table with that first cell.
func readTable(t *testing.T, path, corner string) table {
	t.Helper()
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(document), "\n| "+corner+" |")
	if !found {
		t.Fatalf("%s has no table %q", path, corner)
	}
	lines := strings.Split("| "+corner+" |"+rest, "\n")
	read := table{}
	columns := cells(lines[0])
	for _, line := range lines[2:] {
		row := cells(line)
		if len(row) != len(columns) {
			break
		}
		read[row[0]] = map[string]string{}
		for i, column := range columns {
			read[row[0]][column] = row[i]
		}
	}
	return read
}

func cells(line string) []string {
	row := strings.Split(strings.Trim(line, "|"), "|")
	for i := range row {
		row[i] = strings.TrimSpace(row[i])
	}
	return row
}

// check wants a cell to begin with yes or no.
func (in table) check(t *testing.T, row, column string, has bool) {
	t.Helper()
	want := map[bool]string{true: "yes", false: "no"}[has]
	if got := in[row][column]; got != want && !strings.HasPrefix(got, want+",") {
		t.Errorf("%s, %s: the document says %q, not %s", row, column, got, want)
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
