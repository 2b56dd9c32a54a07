// Package claims holds what papers have claimed, and judges it by what a run has measured.
//
// A claims file is YAML: a list of claims, each with an expression over medians of cells that it
// names. claims.yaml, which is built in, is the example. In an expression stand the names of the
// columns that can be compared (results.Measures), those of the claim's cells, and
//
//	median(COLUMN, CELL)        what a cell was measured to, with its starts
//	ratio(A, B)                 A over B, with Welch's interval on the logarithms of starts
//	reduction(A, B)             the same, for what is published as a change in per cent
//	min(X), max(X)              the smallest and the largest over the sizes that a cell covers
//
// A cell is what a row of summary.csv is known by, column by column. A list of values stands for
// several claims, one for each; "size_bytes: all" covers every size. Columns that are left out are as in
// most rows: one target, one hand-off at a time, no rate; and the engine is each that the run has.
package claims

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v3"

	"rrbench/results"
)

//go:embed claims.yaml
var builtIn []byte

// Claim is one of a claims file.
type Claim struct {
	ID      string `yaml:"id"`
	Paper   string `yaml:"paper"`
	Section string `yaml:"section"`
	Figure  string `yaml:"figure"`
	Claim   string `yaml:"claim"`
	// Published is what was published, as a change ("-88.7 %"), a ratio ("59.6 x"), a share ("54.6 %")
	// or a range of them ("0.45..1.26 x", "<= 0.1 x").
	Published Published `yaml:"published"`
	// Tolerance is the factor by which a ratio may differ and counts as reproduced.
	Tolerance float64 `yaml:"tolerance"`
	// Expression is empty where rrbench cannot measure the claim yet; Needs is what is missing then.
	Expression string `yaml:"expression"`
	Needs      string `yaml:"needs"`
	// Cells are by the names that the expression has for them.
	Cells map[string]Cell `yaml:"cells"`
	// Command measures the cells; empty for the one that follows from them.
	Command        string `yaml:"command"`
	HumanMinutes   int    `yaml:"human_minutes"`
	ComputeMinutes int    `yaml:"compute_minutes"`
	// Note is what else there is to know, for example that the source does not allow the value.
	Note string `yaml:"note"`

	program *vm.Program // of Expression
}

// Cell has the values of a cell's columns, each one or several.
type Cell map[string]Values

// Values are of one column.
type Values []string

// UnmarshalYAML accepts one value or a list.
func (v *Values) UnmarshalYAML(node *yaml.Node) error {
	var several []string
	if node.Kind == yaml.ScalarNode {
		several = []string{node.Value}
	} else if err := node.Decode(&several); err != nil {
		return err
	}
	if *v = several; len(several) == 0 {
		return fmt.Errorf("line %d: a column without a value", node.Line)
	}
	return nil
}

// DefaultTolerance is the factor of claims that have none.
const DefaultTolerance = 1.5

// An Error is a fault of a claims file. It is an error of usage.
type Error struct {
	Claim string
	Cause error
}

func (e *Error) Error() string {
	if e.Claim == "" {
		return fmt.Sprintf("claims file: %v", e.Cause)
	}
	return fmt.Sprintf("claims file: %s: %v", e.Claim, e.Cause)
}

// Usage marks an error of usage.
func (*Error) Usage() {}

func (e *Error) Unwrap() error { return e.Cause }

// BuiltIn are the claims of the papers that rrbench compares with.
func BuiltIn() []Claim {
	claims, err := Read(bytes.NewReader(builtIn))
	if err != nil {
		panic(err) // a test reads them
	}
	return claims
}

// BuiltInFile is the claims file that these are read from. It is not to be changed.
func BuiltInFile() []byte { return builtIn }

// Read reads a claims file. Faults are an *Error.
func Read(r io.Reader) ([]Claim, error) {
	var file struct {
		// Cells is for anchors that claims share.
		Cells  yaml.Node `yaml:"cells"`
		Claims []Claim   `yaml:"claims"`
	}
	decoder := yaml.NewDecoder(r)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, &Error{Cause: oneLine(err)}
	}
	if len(file.Claims) == 0 {
		return nil, &Error{Cause: errors.New("there are no claims")}
	}
	known := make(map[string]bool)
	for i := range file.Claims {
		c := &file.Claims[i]
		if c.ID == "" || known[c.ID] {
			return nil, &Error{c.ID, fmt.Errorf("claim %d has no id of its own", i+1)}
		}
		known[c.ID] = true
		if c.Tolerance == 0 {
			c.Tolerance = DefaultTolerance
		}
		if err := c.check(); err != nil {
			return nil, &Error{c.ID, oneLine(err)}
		}
	}
	return file.Claims, nil
}

// oneLine is an error's first line, and the next where the first is but a heading.
func oneLine(err error) error {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	if line := lines[0]; strings.HasSuffix(line, ":") && len(lines) > 1 {
		return errors.New(line + " " + strings.TrimSpace(lines[1]))
	}
	return errors.New(lines[0])
}

func (c *Claim) check() error {
	if c.Published.Text == "" {
		return errors.New("nothing is published")
	}
	if !(c.Tolerance >= 1) {
		return fmt.Errorf("a tolerance of %v: it is a factor of at least 1", c.Tolerance)
	}
	if c.Expression == "" {
		if c.Needs == "" {
			return errors.New("neither an expression nor what it needs")
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.Cells)) {
		for column := range c.Cells[name] {
			if !slices.Contains(cellColumns, column) {
				return fmt.Errorf("cell %s: unknown column %q; known are %s", name, column, strings.Join(cellColumns, ", "))
			}
		}
		for _, size := range c.Cells[name]["size_bytes"] {
			if _, err := bytesOf(size); err != nil {
				return fmt.Errorf("cell %s: %w", name, err)
			}
		}
	}
	var err error
	c.program, err = expr.Compile(c.Expression, expr.Env(c.environment(nil, nil, "")))
	return err
}

// A Row is what was found of one claim for one choice of its cells' values, a row of claims.csv.
type Row struct {
	ID             string  `csv:"id"`
	Paper          string  `csv:"paper"`
	Section        string  `csv:"section"`
	Figure         string  `csv:"figure"`
	Claim          string  `csv:"claim"`
	Published      string  `csv:"published"`
	PublishedLo    float64 `csv:"published_lo"`
	PublishedHi    float64 `csv:"published_hi"`
	Tolerance      float64 `csv:"tolerance"`
	Cells          string  `csv:"cells"`
	Engine         string  `csv:"engine"`
	Value          float64 `csv:"value"`
	Lo             float64 `csv:"lo"`
	Hi             float64 `csv:"hi"`
	Verdict        Verdict `csv:"verdict"`
	Reason         string  `csv:"reason"`
	Note           string  `csv:"note"`
	Expression     string  `csv:"expression"`
	Command        string  `csv:"command"`
	HumanMinutes   int     `csv:"human_minutes"`
	ComputeMinutes int     `csv:"compute_minutes"`
	// CellIDs are those of the cells that were compared, with spaces between.
	CellIDs string `csv:"cell_ids"`

	published Published
}

// Here is the value in the form in which the other was published, with its interval.
func (r *Row) Here() string { return r.published.format(r.Value, r.Lo, r.Hi) }

type errNotTested string

func (e errNotTested) Error() string { return string(e) }

// Evaluate judges claims by the cells of a run. An *Error names the claim that has a fault.
func Evaluate(claims []Claim, cells []*results.Measured) ([]Row, error) {
	var rows []Row
	for i := range claims {
		c := &claims[i]
		for _, variant := range c.variants() {
			for _, engine := range enginesOf(variant, cells) {
				row := c.row(variant, engine)
				e, err := results.Sample(nil).Estimate(), error(errNotTested(c.Needs))
				if c.program != nil {
					environment := c.environment(variant, cells, engine)
					row.CellIDs = c.ids(environment)
					var outcome any
					if outcome, err = expr.Run(c.program, environment); err == nil {
						e, err = final(outcome)
					}
				}
				switch reason, untested := errors.AsType[errNotTested](err); {
				case untested:
					row.Verdict, row.Reason = NotTested, string(reason)
				case err != nil:
					return nil, &Error{c.ID, oneLine(err)}
				default:
					row.Verdict, row.Reason = Judge(c.Published, c.Tolerance, e)
				}
				row.Value, row.Lo, row.Hi = e.Value, e.Lo, e.Hi
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

func (c *Claim) ids(environment map[string]any) string {
	var ids []string
	for _, name := range c.names() {
		of := environment[name].(cellOf)
		for _, size := range slices.Sorted(maps.Keys(of.cells)) {
			ids = append(ids, of.cells[size].ID())
		}
	}
	return strings.Join(ids, " ")
}

func (c *Claim) row(variant map[string]map[string]string, engine string) Row {
	command := c.Command
	if command == "" && c.Expression != "" {
		command = c.measuredBy()
	}
	var words []string
	for _, name := range c.names() {
		text := variant[name]["transport"]
		if codec := variant[name]["codec"]; codec != "" && codec != "none" {
			text += " " + codec
		}
		words = append(words, name+" "+text)
	}
	return Row{ID: c.ID, Paper: c.Paper, Section: c.Section, Figure: c.Figure, Claim: c.Claim, Published: c.Published.Text,
		PublishedLo: c.Published.Lo, PublishedHi: c.Published.Hi, Tolerance: c.Tolerance, Cells: strings.Join(words, ", "), Engine: engine,
		Note: c.Note, Expression: c.Expression, Command: command, HumanMinutes: c.HumanMinutes, ComputeMinutes: c.ComputeMinutes, published: c.Published}
}

// cellColumns are those by which a cell is known.
var cellColumns = func() (names []string) {
	for name := range results.Columns(new(results.Point)) {
		names = append(names, name)
	}
	return names
}()

// usual are the values of columns that a claim leaves out; a cell that does not know the column has
// nothing there. Of origins a buffer is preferred, which not every transport has.
var usual = map[string]string{"fanout": "1", "fanin": "1", "concurrency": "1", "offered_ops_per_s": "0", "consume": "read", "fanout_order": "parallel", "size_mix": ""}

const preferredOrigin = "buffer"

const all = "all"

func (c *Claim) variants() []map[string]map[string]string {
	variants := []map[string]map[string]string{{}}
	for _, name := range slices.Sorted(maps.Keys(c.Cells)) {
		cells := []map[string]string{{}}
		for _, column := range cellColumns {
			if values := c.Cells[name][column]; values != nil {
				cells = withEach(cells, column, values)
			}
		}
		variants = withEach(variants, name, cells)
	}
	return variants
}

func withEach[Value any](all []map[string]Value, key string, values []Value) (product []map[string]Value) {
	for _, one := range all {
		for _, value := range values {
			with := maps.Clone(one)
			with[key] = value
			product = append(product, with)
		}
	}
	return product
}

const native = "native"

// enginesOf are those of the run that have any of a claim's cells, unless the claim names them.
func enginesOf(variant map[string]map[string]string, cells []*results.Measured) (engines []string) {
	for _, cell := range variant {
		for _, m := range cells {
			if cell["engine"] == "" && m.Engine != native && m.Transport == cell["transport"] && !slices.Contains(engines, m.Engine) {
				engines = append(engines, m.Engine)
			}
		}
	}
	if len(engines) == 0 {
		return []string{""}
	}
	slices.Sort(engines)
	return engines
}

type cellOf struct {
	name  string
	cells map[int64]*results.Measured
	err   error
}

func (c *Claim) environment(variant map[string]map[string]string, cells []*results.Measured, engine string) map[string]any {
	environment := map[string]any{"median": median, "ratio": ratio, "reduction": ratio,
		"min": pick(func(a, b float64) bool { return a < b }), "max": pick(func(a, b float64) bool { return a > b })}
	for _, m := range results.Measures() {
		environment[m.Column] = m
	}
	for name := range c.Cells {
		environment[name] = cellOf{name: name}
		if variant != nil {
			environment[name] = find(name, variant[name], cells, engine)
		}
	}
	return environment
}

func find(name string, wanted map[string]string, cells []*results.Measured, engine string) cellOf {
	found := cellOf{name: name, cells: make(map[int64]*results.Measured)}
	for _, m := range cells {
		if !covers(wanted, m, engine) {
			continue
		}
		other := found.cells[m.SizeBytes]
		if other == nil {
			found.cells[m.SizeBytes] = m
			continue
		}
		// Experiments may share a cell; the one with more starts counts.
		x, y := other.Point, m.Point
		x.Experiment = y.Experiment
		buffers := []bool{x.Origin == preferredOrigin, y.Origin == preferredOrigin}
		if buffers[0] || buffers[1] {
			x.Origin = y.Origin
		}
		switch {
		case x != y:
			found.err = fmt.Errorf("cell %s is any of several, as %s and %s: give more columns", name, other.Name(), m.Name())
		case buffers[1] && !buffers[0], buffers[0] == buffers[1] && m.Starts() > other.Starts():
			found.cells[m.SizeBytes] = m
		}
	}
	if len(found.cells) == 0 {
		var words []string
		for _, column := range cellColumns {
			if value := wanted[column]; value != "" {
				words = append(words, value)
			}
		}
		found.err = errNotTested(fmt.Sprintf("the run has no cell %s", strings.Join(words, " ")))
	}
	return found
}

func covers(wanted map[string]string, m *results.Measured, engine string) bool {
	for name, has := range results.Columns(&m.Point) {
		value, want := fmt.Sprint(has), wanted[name]
		switch {
		case name == "size_bytes":
			if size, err := bytesOf(want); want != "" && want != all && (err != nil || size != m.SizeBytes) {
				return false
			}
		case name == "engine" && want == "":
			// What is native goes with every engine; of programs it is a runtime of its own.
			if value == native && m.IsProgram() || value != native && engine != "" && value != engine {
				return false
			}
		case want != "":
			if value != want {
				return false
			}
		case name == "launcher":
			// A transport has one of the others.
			if value == "containerd" {
				return false
			}
		default:
			if standard, known := usual[name]; known && value != standard && value != "" {
				return false
			}
		}
	}
	return true
}

func bytesOf(text string) (int64, error) {
	if text == all {
		return 0, nil
	}
	if size, err := strconv.ParseInt(text, 10, 64); err == nil {
		return size, nil
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size > 1<<50 {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return int64(size), nil
}

// names are those of the cells, in the order in which the expression has them.
func (c *Claim) names() []string {
	return slices.SortedFunc(maps.Keys(c.Cells), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Index(c.Expression, a), strings.Index(c.Expression, b)), cmp.Compare(a, b))
	})
}

func (c *Claim) measuredBy() string {
	flags := []struct{ column, flag string }{{"transport", "transports"}, {"codec", "codecs"}, {"size_bytes", "sizes"}, {"fanout", "fanout"}, {"fanout_order", "fanout-order"}, {"fanin", "fanin"}, {"placement", "placement"}}
	var settings []results.Setting
	for _, f := range flags {
		var values []string
		for _, name := range c.names() {
			for _, value := range c.Cells[name][f.column] {
				if value == all {
					value = "1MiB,10MiB,60MiB,100MiB"
				}
				if !slices.Contains(values, value) && value != "none" {
					values = append(values, value)
				}
			}
		}
		if len(values) > 0 {
			settings = append(settings, results.Setting{Name: f.flag, Value: strings.Join(values, ",")})
		}
	}
	line := results.CommandOf(settings)
	if strings.Contains(line, "--placement inter") {
		line += " --peer JOIN"
	}
	return line
}
