package sweep

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"rrbench/payloads"
	"rrbench/shim/launch"
	"rrbench/transport"
)

// Bounds of a plan. Within them no product of valid values overflows, nor do three deadlines, the longest wait.
const (
	maxFanout      = 1000
	maxFanin       = 1000
	maxConcurrency = 256
	maxReps        = 100_000
	maxRate        = 10_000_000
	// maxText is the length of a name or a path, in bytes.
	maxText = 4096
	// maxCells, maxHandoffs and maxBytes bound a whole plan.
	maxCells        = 10_000
	maxHandoffs     = 1_000_000_000
	maxBytes        = 1 << 56
	longestDeadline = 24 * time.Hour
	// usualBudget is the default of --budget, mostMore how many starts --until-width adds to a cell at most.
	usualBudget = 30 * time.Minute
	mostMore    = 1000
)

// Orders of serving the targets of a fan-out.
const (
	parallel = "parallel"
	serial   = "serial"
)

// The kinds of values that a plan contains, too.
var (
	presetNames   = oneOf(Presets()...)
	sizes         = size()
	fanouts       = integer(1, maxFanout)
	fanins        = integer(1, maxFanin)
	concurrencies = integer(1, maxConcurrency)
	placements    = oneOf(transport.PlacementShim, transport.PlacementIntra, inter)
	kinds         = oneOf(payloads.Kinds()...)
	repetitions   = integer(1, maxReps)
	warmups       = integer(0, maxReps)
	deadlines     = duration(time.Millisecond, longestDeadline) // a round that is worth one takes longer
)

// Parameters is the table of a sweep's parameters, in the order of the help. Each is a flag and, unless its scope is
// OfCommand, a key of configuration files. A new one is a line here, and the field that it fills.
func Parameters(transports []transport.Transport) []*Parameter {
	name, file := text("name", maxText), text("file", maxText)
	table := []*Parameter{
		{"preset", presetNames, OfRun, func(c *Config) any { return &c.Preset }, "", "named set of experiments"},
		{"config", file, OfCommand, func(c *Config) any { return &c.File }, "", "YAML `FILE` with the names of these flags as keys"},
		{"experiment", oneOf("size", "compute", "coldstart"), OfCells, func(c *Config) any { return &c.Kind }, "size", "what is measured: hand-offs, or what runs whole programs"},
		{"transports", name, OfCells, func(c *Config) any { return &c.Transports }, "all", "transports, see rrbench list"},
		{"engines", name, OfCells, func(c *Config) any { return &c.Engines }, "all that are built in", "WebAssembly engines, see rrbench list"},
		{"codecs", oneOf("raw", "json", "json-std", "none"), OfCells, func(c *Config) any { return &c.Codecs }, "json,raw", "codecs of what serializes"},
		{"sizes", sizes, OfCells, func(c *Config) any { return &c.Sizes }, "", "payload sizes"},
		{"fanout", fanouts, OfCells, func(c *Config) any { return &c.Fanout }, "", "targets of one hand-off"},
		{"concurrency", concurrencies, OfCells, func(c *Config) any { return &c.Concurrency }, "", "hand-offs under way at once"},
		{"size-mix", sizes, OfCells, func(c *Config) any { return &c.SizeMix }, "none", "sizes of which each payload has one, in place of --sizes"},
		{"fanin", fanins, OfCells, func(c *Config) any { return &c.Fanin }, "", "sources that send to one target at once"},
		{"fanout-order", oneOf(parallel, serial), OfCells, func(c *Config) any { return &c.FanoutOrder }, "", "order in which targets are served"},
		{"rate", integer(1, maxRate), OfCells, func(c *Config) any { return &c.Rate }, "as fast as they go", "hand-offs a second, in an open loop"},
		{"origin", oneOf(transport.Origins()...), OfCells, func(c *Config) any { return &c.Origin }, "buffer, or what the function can", "where in the source's memory a payload lies"},
		{"consume", oneOf(transport.ConsumeRead, transport.ConsumeWrite), OfCells, func(c *Config) any { return &c.Consume }, "", "what the target's handler does with a payload"},
		{"reps", repetitions, OfCells, func(c *Config) any { return &c.Reps }, "", "measured rounds of a cell, spread over its starts"},
		{"starts", repetitions, OfCells, func(c *Config) any { return &c.Starts }, "", "starts of a cell's functions, of --rounds each"},
		{"rounds", repetitions, OfCells, func(c *Config) any { return &c.Rounds }, "", "measured rounds of each start"},
		{"placement", placements, OfCells, func(c *Config) any { return &c.Placement }, "", "where the target runs: in the source's shim (auto alone), on this node, or on the --peer"},
		{"containerd-runtime", handler(), OfCells, func(c *Config) any { return &c.ContainerdRuntime }, "none", "other runtimes of containerd, io.containerd.wasmtime.v1 for example: they run programs of --experiment compute and coldstart, and the function of http/external"},
		{"launcher", oneOf(launch.Names...), OfCells, func(c *Config) any { return &c.Launcher }, "each transport's own", "what starts the functions' processes"},
		{"payload", kinds, OfCells, func(c *Config) any { return &c.Payload }, "", "what is sent"},
		{"guest", file, OfCells, func(c *Config) any { return &c.Guest }, "", "WebAssembly function: c, go or a module `FILE`; of http/wasi http-go, its default, or http-c, which knows raw alone"},
		{"runtime", command(), OfCells, func(c *Config) any { return &c.Runtime }, "those known, see rrbench list", "command `NAME='COMMAND {module} {args}'` that runs programs, for --experiment compute and coldstart"},
		{"full", boolean(), OfCells, func(c *Config) any { return &c.Full }, "", "run --experiment compute with published arguments, which takes minutes a program"},
	}
	for _, t := range transports {
		if p := t.Info().Parameter; p != nil && !slices.ContainsFunc(table, func(other *Parameter) bool { return other.Name == p.Flag }) {
			table = append(table, &Parameter{p.Flag, of(p), OfTransports, func(c *Config) any { return c.Parameters }, p.Default, p.Help})
		}
	}
	return append(table, []*Parameter{
		{"warmup", warmups, OfRun, func(c *Config) any { return &c.Warmup }, "", "discarded rounds at each start of a cell"},
		{"seed", integer(0, math.MaxUint64), OfRun, func(c *Config) any { return &c.Seed }, "random, recorded", "seed of order and payloads"},
		{"until-width", percentage(0.001, 1), OfRun, func(c *Config) any { return &c.UntilWidth }, "as planned", "more starts until the 95 % interval of each cell's latency is this share of it, from end to end"},
		{"budget", duration(time.Second, longestDeadline), OfRun, func(c *Config) any { return &c.Budget }, usualBudget.String(), "time after which --until-width begins no more starts; those planned are measured in any case"},
		{"deadline", deadlines, OfRun, func(c *Config) any { return &c.Deadline }, "", "longest time of one hand-off, and of a guest's initialisation"},
		{"memory-limit", amount(), OfRun, func(c *Config) any { return &c.MemoryLimit }, "what is free", "memory that a cell may take"},
		{"out", file, OfRun, func(c *Config) any { return &c.Out }, "results/runs/…", "run `DIR`ectory, new or empty"},
		{"peer", text("line", maxText), OfCommand, func(c *Config) any { return &c.Peer }, "$" + PeerVariable, "`JOIN` line of an agent for placement inter, as rrbench agent prints it; several take turns"},
		{"containerd", file, OfCommand, func(c *Config) any { return &c.Containerd }, "a private one", "`SOCKET` of the containerd that launcher containerd uses"},
		{"resume", file, OfCommand, func(c *Config) any { return &c.Resume }, "", "go on with the interrupted run in `DIR`"},
		{"force-resume", boolean(), OfCommand, func(c *Config) any { return &c.ForceResume }, "", "go on with another program or machine than the run was begun with; tables and figures say so"},
		{"dry-run", boolean(), OfCommand, func(c *Config) any { return &c.DryRun }, "", "print the plan and the time it takes, measure nothing"},
		{"quiet", boolean(), OfCommand, func(c *Config) any { return &c.Quiet }, "", "print nothing but errors"},
	}...)
}

// Scope is what a parameter applies to, and so where it may stand.
type Scope int

const (
	// OfCells may differ from experiment to experiment.
	OfCells Scope = iota
	// OfTransports may differ as well, and applies to single transports.
	OfTransports
	// OfRun is the same for all experiments.
	OfRun
	// OfCommand concerns the command, not the measurement, and is a flag alone.
	OfCommand
)

// Parameter is one parameter of a sweep.
type Parameter struct {
	Name string
	kind
	Scope Scope
	// at returns a pointer to the field that it fills: a value, a pointer to one, or a list; or the map of the values of
	// transports' parameters.
	at func(*Config) any
	// standard describes the default; empty where a preset has it.
	standard, help string
}

// List reports whether the parameter may have several values.
func (p *Parameter) List() bool {
	return reflect.TypeOf(p.at(new(Config))).Elem().Kind() == reflect.Slice
}

func (p *Parameter) field(c *Config) reflect.Value { return reflect.ValueOf(p.at(c)).Elem() }

func (p *Parameter) given(c *Config) bool { return !p.field(c).IsZero() }

func (p *Parameter) values(c *Config) (texts []string) {
	field := p.field(c)
	switch {
	case field.IsZero():
	case field.Kind() == reflect.Slice:
		for i := range field.Len() {
			texts = append(texts, fmt.Sprint(field.Index(i)))
		}
	default:
		texts = append(texts, fmt.Sprint(reflect.Indirect(field)))
	}
	return texts
}

// set parses text and puts the value, or adds it to the list, into c. Errors contain name.
func (p *Parameter) set(c *Config, name, text string) error {
	parsed, err := p.parse(name, text)
	if err != nil {
		return err
	}
	if p.Scope == OfTransports {
		if c.Parameters == nil {
			c.Parameters = make(map[string]string)
		}
		c.Parameters[p.Name] = text
		return nil
	}
	field, value := p.field(c), reflect.ValueOf(parsed)
	switch of := field.Type(); of.Kind() {
	case reflect.Slice:
		field.Set(reflect.Append(field, value.Convert(of.Elem())))
	case reflect.Pointer:
		field.Set(reflect.New(of.Elem()))
		field.Elem().Set(value.Convert(of.Elem()))
	default:
		field.Set(value.Convert(of))
	}
	return nil
}

func (p *Parameter) check(c *Config) error {
	texts := p.values(c)
	if len(texts) == 0 && p.given(c) {
		return fmt.Errorf("%s is empty: give %s", p.Name, p.expects())
	}
	for _, text := range texts {
		if _, err := p.parse(p.Name, text); err != nil {
			return err
		}
	}
	return nil
}

// Help returns one line, with the bounds of the value and the default.
func (p *Parameter) Help() string {
	text, standard := p.help, p.standard
	if p.bounds != "" {
		text += ": " + p.bounds
	}
	if base := unsaid(); standard == "" && p.Scope != OfTransports {
		standard = strings.Join(p.values(&base), ",")
	}
	if standard != "" {
		text += " (default " + standard + ")"
	}
	return text
}

var unsaid = sync.OnceValue(func() Config {
	base, err := preset(usual)
	if err != nil {
		panic(err) // it is part of the program
	}
	return base
})

// Flag is a parameter on a command line. Its value goes into Config.
type Flag struct {
	*Parameter
	Config *Config
	// Single is the flag's name where it takes one value of a list; empty for the parameter's own.
	Single string
}

// Set parses the text of the flag. The error is a *UsageError and names the flag.
func (f Flag) Set(text string) error {
	name, texts := cmp.Or(f.Single, f.Name), []string{text}
	if f.several() {
		texts = strings.Split(text, ",")
	} else if f.Single != "" {
		f.field(f.Config).SetZero() // the last one counts
	}
	for _, text := range texts {
		if f.several() {
			text = strings.TrimSpace(text)
		}
		if err := f.set(f.Config, name, text); err != nil {
			return usage("%v (--%s)", err, name)
		}
	}
	return nil
}

func (f Flag) several() bool { return f.List() && f.Single == "" }

// Type is the kind of the value.
func (f Flag) Type() string {
	if f.several() {
		return f.name + "s"
	}
	return f.name
}

// String is empty: Help has the default.
func (Flag) String() string { return "" }
