package sweep

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"path"
	"strconv"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
)

// Config is a request: that of the flags, of a YAML file or of a preset. Resolve combines these. A field that is zero was not
// given. Parameters is the table of how each is read.
type Config struct {
	Preset string
	Axes
	// Experiments are several sweeps in one run; each inherits the axes that it does not give itself.
	Experiments []Experiment
	// Warmup is the number of rounds that are discarded at each start of a cell.
	Warmup   *int
	Seed     *uint64
	Deadline time.Duration
	// UntilWidth is how narrow each interval must become, Budget how long that may take.
	UntilWidth Share
	Budget     time.Duration
	Out        string
	// File is the path of the configuration file, Resume the directory of the run to go on with.
	File, Resume  string
	Peer          []string
	Containerd    string
	name          string
	ForceResume   bool
	MemoryLimit   Size
	DryRun, Quiet bool
}

// Experiment is a named group of cells.
type Experiment struct {
	Name string
	Axes
}

// Axes are the dimensions of a sweep; its cells are their product.
type Axes struct {
	Transports  []string
	Engines     []string
	Codecs      []string
	Sizes       []Size
	Fanout      []int
	Fanin       []int
	Concurrency []int
	Placement   []string
	// SizeMix takes the place of Sizes: each payload has one of these sizes.
	SizeMix []Size
	// Rate is in hand-offs a second; without one hand-offs follow each other in a closed loop.
	Rate []int
	// Origin is where payloads lie; by default where the functions put them.
	Origin      []transport.Origin
	Consume     []transport.Consume
	FanoutOrder []string
	// Kind is "size" or empty for hand-offs, or a runtimes.Kind. Runtime are commands that run programs, beside the known
	// ones; Full asks for the published arguments.
	Kind    string
	Runtime []string
	Full    bool
	// Launcher names the launchers of the shims; by default each transport has its own.
	Launcher []string
	// ContainerdRuntime names other runtimes of containerd that run programs, or a transport's target.
	ContainerdRuntime []string
	// Reps is the number of measured rounds of a cell; Starts of Rounds each are the other way to give it.
	Reps, Starts, Rounds int
	Payload              payloads.Kind
	Guest                string
	// Parameters are the values for single transports, by transport.Parameter.Flag.
	Parameters map[string]string
	// from is the file and line of each parameter that a file gave, for errors.
	from map[string]string
}

// Share is a part of 1.
type Share float64

func (s Share) String() string { return strconv.FormatFloat(100*float64(s), 'g', -1, 64) + "%" }

// Size is a payload size in bytes.
type Size int64

func (s Size) String() string { return payloads.FormatSize(int64(s)) }

// Resolve makes one request of the flags, a file and the preset that one of them names. The flags apply to every experiment.
// An experiment of the file takes what it does not give itself from the top of the file. The preset, or "quick", gives the rest.
func Resolve(flags, file Config) (Config, error) {
	settled := flags.over(file)
	name := settled.Preset
	base, err := preset(cmp.Or(name, usual))
	if err != nil {
		return Config{}, settled.fault("preset", err)
	}
	experiments := file.Experiments
	for i, e := range experiments {
		experiments[i].Axes = e.over(file.Axes)
	}
	if experiments == nil {
		if experiments = base.Experiments; name == "" {
			experiments = []Experiment{{Name: "sweep", Axes: base.Axes}}
		}
		for i, e := range experiments {
			experiments[i].Axes = file.Axes.over(e.Axes)
		}
	}
	for i, e := range experiments {
		experiments[i].Axes = flags.Axes.over(e.over(base.Axes))
	}
	settled = settled.over(base)
	settled.Experiments = experiments
	return settled, nil
}

func (a Axes) given(info transport.Info) string {
	if info.Parameter == nil {
		return ""
	}
	return a.Parameters[info.Parameter.Flag]
}

// fault is a *UsageError about a parameter, with the flag or the place in the file that gave its value.
func (a Axes) fault(name string, cause error) error {
	if place := a.from[name]; place != "" {
		return usage("%s: %v", place, named(name, cause))
	}
	return usage("%v (--%s)", cause, name)
}

func (c Config) check() error {
	for _, p := range Parameters(nil) {
		if err := p.check(&c); err != nil {
			return c.fault(p.Name, err)
		}
	}
	return nil
}

func (c Config) over(base Config) Config {
	own := c
	// Repetitions are taken from one of the two alone.
	if own.Reps != 0 {
		base.Starts, base.Rounds = 0, 0
	} else if own.Starts != 0 || own.Rounds != 0 {
		base.Reps = 0
	}
	c.from, c.Parameters = make(map[string]string), make(map[string]string)
	maps.Copy(c.from, base.from)
	maps.Copy(c.Parameters, base.Parameters)
	maps.Copy(c.Parameters, own.Parameters)
	for name := range own.Parameters {
		delete(c.from, name)
	}
	for _, p := range Parameters(nil) {
		if p.given(&own) {
			delete(c.from, p.Name)
		} else if p.given(&base) {
			p.field(&c).Set(p.field(&base))
		}
	}
	maps.Copy(c.from, own.from)
	return c
}

const usual = "quick"

func (a Axes) over(base Axes) Axes { return Config{Axes: a}.over(Config{Axes: base}).Axes }

const mib = 1 << 20

// presets are configuration files like a user's own. What stands above the experiments holds for all of them, and for a
// sweep without experiments.
//
//go:embed presets/*.yaml
var presets embed.FS

// Presets lists the names of the presets, the shortest one first.
func Presets() []string { return []string{"smoke", "quick", "paper"} }

func preset(name string) (Config, error) {
	file := path.Join("presets", name+".yaml")
	content, err := presets.ReadFile(file)
	if err != nil {
		return Config{}, presetNames.check("preset", name)
	}
	c, err := ParseConfig(file, content, Parameters(nil))
	// The user cannot change the file: errors name the flags.
	c.from = nil
	for i := range c.Experiments {
		c.Experiments[i].from = nil
	}
	return c, err
}

// UsageError is the error of a request that cannot be carried out as it was written.
type UsageError struct{ message string }

func (e *UsageError) Error() string { return e.message }

// Usage marks the error as one of usage.
func (*UsageError) Usage() {}

func usage(format string, arguments ...any) error {
	return &UsageError{fmt.Sprintf(format, arguments...)}
}
