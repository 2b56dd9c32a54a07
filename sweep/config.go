package sweep

import (
	"cmp"
	"maps"
	"strconv"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
)

// Config is what a user asks for. The flags of rrbench sweep fill one, a YAML file with
// the same names fills another, a preset is a third; Resolve lays them over one another. A zero
// field is one that was not given. Parameters says how each is read.
type Config struct {
	Preset string
	Axes
	// Experiments are several sweeps in one run; each inherits the axes that it does not
	// give itself from the Config around it.
	Experiments []Experiment
	// Warmup is the number of rounds that are sent, verified and discarded each time a
	// cell's functions are started.
	Warmup *int
	// Seed makes the order of the cells and every payload.
	Seed *uint64
	// Deadline bounds one round of hand-offs.
	Deadline time.Duration
	// UntilWidth is how narrow each interval is to become, Budget how long that may take.
	UntilWidth Share
	Budget     time.Duration
	// Out is the run directory.
	Out string
	// File is the configuration file that the flags narrow, Resume the directory of the run to go on
	// with; either may be empty.
	File, Resume string
	// Peer are the join lines of other nodes.
	Peer []string
	// Containerd is the socket of one that is to be used in place of a private one.
	Containerd string
	// name is that of the experiment of which this was read.
	name string
	// ForceResume goes on with another program, or on another machine, than the run was begun with.
	ForceResume bool
	// MemoryLimit is what the processes of a cell may take, all together.
	MemoryLimit Size
	// DryRun asks for the plan alone, Quiet for nothing but errors on the terminal.
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
	// SizeMix stands for Sizes: each payload has one of these.
	SizeMix []Size
	// Rate is in hand-offs a second; none is a closed loop.
	Rate []int
	// Origin is where payloads lie; none is as the functions have it.
	Origin      []transport.Origin
	Consume     []transport.Consume
	FanoutOrder []string
	// Kind is what is measured: empty or "size" is hand-offs, else a runtimes.Kind. Runtime are commands that run
	// programs, beside those that are known; Full asks for published arguments.
	Kind    string
	Runtime []string
	Full    bool
	// Launcher names what starts the shims; none is as each transport has it.
	Launcher []string
	// ContainerdRuntime names other runtimes of containerd that run programs, or a transport's target.
	ContainerdRuntime []string
	// Reps is the number of measured rounds of a cell. Starts and Rounds say the same: so many
	// starts of its functions of so many rounds each. All are fixed before the run.
	Reps, Starts, Rounds int
	Payload              payloads.Kind
	// Guest is a built-in guest's name or the path of a Wasm module.
	Guest string
	// Parameters are what a user tells single transports, by transport.Parameter.Flag.
	Parameters map[string]string
	// from says of parameters where in which file they stand, for errors.
	from map[string]string
}

// Share is a part of 1.
type Share float64

func (s Share) String() string { return strconv.FormatFloat(100*float64(s), 'g', -1, 64) + "%" }

// Size is a payload size in bytes.
type Size int64

func (s Size) String() string { return payloads.FormatSize(int64(s)) }

// Resolve settles one request from the flags, a config file and the preset that either
// names. Flags narrow every experiment; the axes at the top of the file are what its
// experiments do not give themselves; the preset serves for the rest. Without a preset the
// defaults of "quick" serve, as a single experiment.
func Resolve(flags, file Config) (Config, error) {
	settled := flags.over(file)
	name := settled.Preset
	base, err := preset(cmp.Or(name, usual))
	if err != nil {
		return Config{}, settled.fault("preset", err)
	}
	experiments := file.Experiments
	switch {
	case experiments != nil:
		for i := range experiments {
			experiments[i].Axes = experiments[i].over(file.Axes)
		}
	case name != "":
		experiments = base.Experiments
		for i := range experiments {
			experiments[i].Axes = file.Axes.over(experiments[i].Axes)
		}
	default:
		experiments = []Experiment{{Name: "sweep", Axes: file.Axes.over(base.Axes)}}
	}
	for i := range experiments {
		experiments[i].Axes = flags.Axes.over(experiments[i].over(base.Axes))
	}
	settled = settled.over(base)
	settled.Experiments = experiments
	return settled, nil
}

// given is what the user gives a transport, empty for nothing.
func (a Axes) given(info transport.Info) string {
	if info.Parameter == nil {
		return ""
	}
	return a.Parameters[info.Parameter.Flag]
}

// fault is a *UsageError about a parameter, which says where its value comes from.
func (a Axes) fault(name string, cause error) error {
	if place := a.from[name]; place != "" {
		return usage("%s: %v", place, named(name, cause))
	}
	return usage("%v (--%s)", cause, name)
}

// check finds values that cannot be meant, wherever they come from.
func (c Config) check() error {
	for _, p := range Parameters(nil) {
		if err := p.check(&c); err != nil {
			return c.fault(p.Name, err)
		}
	}
	return nil
}

// over asks for what c asks for, and for what base does where c leaves it open.
func (c Config) over(base Config) Config {
	own := c
	// What is said of repetitions in one place is not mixed with what the other says.
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

// usual is the preset that serves where none is named.
const usual = "quick"

func (a Axes) over(base Axes) Axes { return Config{Axes: a}.over(Config{Axes: base}).Axes }
