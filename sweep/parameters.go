package sweep

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
)

// Bounds of what a plan accepts. With them no product of values that parse overflows, and
// three deadlines, the longest that is waited for, are far from it.
const (
	maxFanout      = 1000
	maxConcurrency = 256
	maxReps        = 100_000
	// maxText is of a name or a path, in bytes.
	maxText = 4096
	// maxCells, maxHandoffs and maxBytes are of a whole plan.
	maxCells    = 10_000
	maxHandoffs = 1_000_000_000
	maxBytes    = 1 << 56
	// shortestDeadline is what a round takes at least to be worth a deadline.
	shortestDeadline = time.Millisecond
	longestDeadline  = 24 * time.Hour
)

// The kinds of what a plan has as well.
var (
	presetNames   = oneOf(Presets()...)
	fanouts       = integer(1, maxFanout)
	sizes         = size()
	concurrencies = integer(1, maxConcurrency)
	placements    = oneOf("intra")
	kinds         = oneOf(payloads.Kinds()...)
	repetitions   = integer(1, maxReps)
	warmups       = integer(0, maxReps)
	seeds         = integer[uint64](0, math.MaxUint64)
	deadlines     = duration(shortestDeadline, longestDeadline)
)

// Parameters is the table of all that a user may ask of a sweep, in the order of the help. Each
// is a flag of rrbench sweep; the others than those of the command line alone are keys of
// configuration files and presets too. A new one is a line here, and the field that it fills.
func Parameters(transports []transport.Transport) []*Parameter {
	table := []*Parameter{
		parameter("preset", presetNames, one(func(c *Config) *string { return &c.Preset }), "", "named set of experiments").in(OfRun),
		parameter("config", text("file", maxText), one(func(c *Config) *string { return &c.File }), "", "YAML `FILE` with the names of these flags as keys").in(OfCommand),
		parameter("transports", text("name", maxText), list(func(c *Config) *[]string { return &c.Transports }), "all", "transports, see rrbench list"),
		parameter("engines", text("name", maxText), list(func(c *Config) *[]string { return &c.Engines }), "all", "WebAssembly engines, see rrbench list"),
		parameter("codecs", oneOf("raw", "json", "json-std", "none"), list(func(c *Config) *[]string { return &c.Codecs }), "json,raw", "codecs of what serializes"),
		parameter("sizes", sizes, list(func(c *Config) *[]Size { return &c.Sizes }), "", "payload sizes"),
		parameter("fanout", fanouts, list(func(c *Config) *[]int { return &c.Fanout }), "", "targets of one hand-off"),
		parameter("concurrency", concurrencies, list(func(c *Config) *[]int { return &c.Concurrency }), "", "hand-offs under way at once"),
		parameter("placement", placements, list(func(c *Config) *[]string { return &c.Placement }), "", "where the target runs; this version measures on one node"),
		parameter("payload", kinds, one(func(c *Config) *payloads.Kind { return &c.Payload }), "", "what is sent"),
		parameter("guest", text("file", maxText), one(func(c *Config) *string { return &c.Guest }), "", "WebAssembly function: c, go or a module `FILE`; of http/wasi http-go, its default, or http-c, which knows raw alone"),
	}
	for _, t := range transports {
		if p := t.Info().Parameter; p != nil && !slices.ContainsFunc(table, func(other *Parameter) bool { return other.Name == p.Flag }) {
			line := parameter(p.Flag, of(p), entry(p.Flag), p.Default, p.Help)
			line.OfTransport = true
			table = append(table, line)
		}
	}
	return append(table,
		parameter("reps", repetitions, one(func(c *Config) *int { return &c.Reps }), "", "measured rounds of a cell").in(OfRun),
		parameter("warmup", warmups, perhaps(func(c *Config) **int { return &c.Warmup }), "", "discarded rounds at each start of a cell").in(OfRun),
		parameter("seed", seeds, perhaps(func(c *Config) **uint64 { return &c.Seed }), "random, recorded", "seed of order and payloads").in(OfRun),
		parameter("deadline", deadlines, one(func(c *Config) *time.Duration { return &c.Deadline }), "", "longest time of one hand-off, and of a guest's initialisation").in(OfRun),
		parameter("out", text("file", maxText), one(func(c *Config) *string { return &c.Out }), "results/runs/…", "run `DIR`ectory, new or empty").in(OfRun),
		parameter("resume", text("file", maxText), one(func(c *Config) *string { return &c.Resume }), "", "go on with the interrupted run in `DIR`").in(OfCommand),
		parameter("dry-run", boolean(), one(func(c *Config) *bool { return &c.DryRun }), "", "print the plan and the time it takes, measure nothing").in(OfCommand),
		parameter("quiet", boolean(), one(func(c *Config) *bool { return &c.Quiet }), "", "print nothing but errors").in(OfCommand),
	)
}

// Scope is what a parameter holds for, and so where it may stand.
type Scope int

const (
	// OfCells may differ from experiment to experiment.
	OfCells Scope = iota
	// OfRun is one for all experiments.
	OfRun
	// OfCommand is of the command line, not of what is measured: a flag alone.
	OfCommand
)

// Parameter is one thing that a user may ask for.
type Parameter struct {
	// Name is the flag's and the key's.
	Name string
	// Type names the kind of its values; Expects says, behind "give", which they may be.
	Type, Expects string
	// List says that there may be several values.
	List  bool
	Scope Scope
	// OfTransport says that single transports have it.
	OfTransport bool

	help, bounds, standard, tag string

	// set adds to what c asks for; a name other than the parameter's is for errors.
	set   func(c *Config, name string, texts []string) error
	check func(c *Config) error
	given func(c *Config) bool
	// lay has c ask for what base asks for.
	lay  func(c, base *Config)
	show func(c *Config) string
}

// parameter makes a line of the table. The standard says what is in use where nothing is given;
// it is empty where that is a preset's.
func parameter[T any](name string, k kind[T], f field[T], standard, help string) *Parameter {
	p := &Parameter{
		Name: name, Type: k.name, Expects: k.expects(), List: f.several,
		help: help, bounds: k.bounds, standard: standard, tag: k.tag,
		given: func(c *Config) bool { return f.get(c) != nil },
		lay:   func(c, base *Config) { f.put(c, f.get(base)) },
		show:  func(c *Config) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(f.get(c)), "[]"), " ", ",") },
	}
	p.set = func(c *Config, name string, texts []string) error {
		values := make([]T, len(texts))
		for i, text := range texts {
			var err error
			if values[i], err = k.parse(name, text); err != nil {
				return err
			}
		}
		if f.several {
			values = append(f.get(c), values...)
		}
		f.put(c, values)
		return nil
	}
	p.check = func(c *Config) error {
		values := f.get(c)
		if values != nil && len(values) == 0 {
			return fmt.Errorf("%s is empty: give %s", name, p.Expects)
		}
		for _, value := range values {
			if err := k.check(name, value); err != nil {
				return err
			}
		}
		return nil
	}
	return p
}

func (p *Parameter) in(s Scope) *Parameter {
	p.Scope = s
	return p
}

// Help is one line, with the bounds of the value and what is in use where it is not given.
func (p *Parameter) Help() string {
	text, standard := p.help, p.standard
	if p.bounds != "" {
		text += ": " + p.bounds
	}
	if base := unsaid(); standard == "" && p.given(&base) {
		standard = p.show(&base)
	}
	if standard != "" {
		text += " (default " + standard + ")"
	}
	return text
}

// unsaid is what is in use where nothing is given.
var unsaid = sync.OnceValue(func() Config {
	base, err := preset(usual)
	if err != nil {
		panic(err) // it is part of the program
	}
	return base
})

// Flag is a parameter on a command line, where it adds to what the Config asks for.
type Flag struct {
	*Parameter
	Config *Config
	// Single is the flag's name where it takes one value of a list; empty for the parameter's own.
	Single string
}

// Set takes the text of the flag. Its error is of type *UsageError and names the flag.
func (f Flag) Set(text string) error {
	name := cmp.Or(f.Single, f.Name)
	if err := f.set(f.Config, name, f.split(text)); err != nil {
		return usage("%v (--%s)", err, name)
	}
	return nil
}

func (f Flag) split(text string) []string {
	if !f.List || f.Single != "" {
		return []string{text}
	}
	texts := strings.Split(text, ",")
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts
}

// Type is the kind of the value.
func (f Flag) Type() string {
	if f.List && f.Single == "" {
		return f.Parameter.Type + "s"
	}
	return f.Parameter.Type
}

// String is empty: Help says what is in use.
func (Flag) String() string { return "" }

// field is where a Config has the values of a parameter; nil where they were not given.
type field[T any] struct {
	several bool
	get     func(c *Config) []T
	put     func(c *Config, values []T)
}

func list[T any](at func(*Config) *[]T) field[T] {
	return field[T]{true, func(c *Config) []T { return *at(c) }, func(c *Config, values []T) { *at(c) = values }}
}

// one is a field whose zero value nobody can mean.
func one[T comparable](at func(*Config) *T) field[T] {
	return field[T]{
		get: func(c *Config) []T {
			if value := *at(c); value != *new(T) {
				return []T{value}
			}
			return nil
		},
		put: func(c *Config, values []T) { *at(c) = values[0] },
	}
}

// perhaps is a field whose zero value can be meant.
func perhaps[T any](at func(*Config) **T) field[T] {
	return field[T]{
		get: func(c *Config) []T {
			if value := *at(c); value != nil {
				return []T{*value}
			}
			return nil
		},
		put: func(c *Config, values []T) { *at(c) = &values[0] },
	}
}

// entry is what a user tells transports by that flag.
func entry(flag string) field[string] {
	return field[string]{
		get: func(c *Config) []string {
			if value, given := c.Parameters[flag]; given {
				return []string{value}
			}
			return nil
		},
		put: func(c *Config, values []string) {
			if c.Parameters == nil {
				c.Parameters = make(map[string]string)
			}
			c.Parameters[flag] = values[0]
		},
	}
}
