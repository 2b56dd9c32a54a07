package sweep

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"rrbench/payloads"
)

// Config is what a user asks for. The flags of rrbench sweep fill one, a YAML file with
// the same names fills another, a preset is a third; Resolve lays them over one another. A zero
// field is one that was not given.
type Config struct {
	Preset string `yaml:"preset"`
	Axes   `yaml:",inline"`
	// Experiments are several sweeps in one run; each inherits the axes that it does not
	// give itself from the Config around it.
	Experiments []Experiment `yaml:"experiments"`
	// Reps is the number of measured rounds of a cell, fixed before the run.
	Reps int `yaml:"reps"`
	// Warmup is the number of rounds that are sent, verified and discarded each time a
	// cell's functions are started.
	Warmup *int `yaml:"warmup"`
	// Seed makes the order of the cells and every payload.
	Seed *uint64 `yaml:"seed"`
	// Deadline bounds one round of hand-offs.
	Deadline Duration `yaml:"deadline"`
	// Out is the run directory.
	Out string `yaml:"out"`
}

// Experiment is a named group of cells.
type Experiment struct {
	Name string `yaml:"name"`
	Axes `yaml:",inline"`
}

// Axes are the dimensions of a sweep; its cells are their product.
type Axes struct {
	Transports  []string      `yaml:"transports"`
	Engines     []string      `yaml:"engines"`
	Codecs      []string      `yaml:"codecs"`
	Sizes       []Size        `yaml:"sizes"`
	Fanout      []int         `yaml:"fanout"`
	Concurrency []int         `yaml:"concurrency"`
	Placement   []string      `yaml:"placement"`
	Payload     payloads.Kind `yaml:"payload"`
	// Guest is a built-in guest's name or the path of a Wasm module.
	Guest string `yaml:"guest"`
}

// Size is a payload size in bytes that reads "1MiB" in YAML.
type Size int64

// UnmarshalYAML accepts what payloads.ParseSize accepts.
func (s *Size) UnmarshalYAML(text []byte) error {
	n, err := payloads.ParseSize(strings.Trim(strings.TrimSpace(string(text)), `"'`))
	*s = Size(n)
	return err
}

// Duration is a time.Duration that reads "30s" in YAML.
type Duration time.Duration

// UnmarshalYAML accepts what time.ParseDuration accepts.
func (d *Duration) UnmarshalYAML(text []byte) error {
	v, err := time.ParseDuration(strings.Trim(strings.TrimSpace(string(text)), `"'`))
	if err != nil {
		return fmt.Errorf("%s is no duration, write for example 30s", bytes.TrimSpace(text))
	}
	*d = Duration(v)
	return nil
}

// ReadConfig reads a YAML file. Errors name the line and the key.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, usage("config file: %v", err)
	}
	return ParseConfig(path, text)
}

// ParseConfig reads YAML text; path appears in errors.
func ParseConfig(path string, text []byte) (Config, error) {
	var c Config
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return Config{}, usage("config file %s: %s", path, configFault(text, err))
	}
	return c, nil
}

// configFault turns the parser's report, several lines with an excerpt, into one line
// that names the line and the key.
func configFault(text []byte, err error) string {
	message := strings.TrimSpace(yaml.FormatError(err, false, false))
	var line, column int
	rest := message
	if n, _ := fmt.Sscanf(message, "[%d:%d]", &line, &column); n == 2 {
		rest = strings.TrimSpace(message[strings.Index(message, "]")+1:])
	}
	rest, _, _ = strings.Cut(rest, "\n")
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return rest
	}
	return fmt.Sprintf("line %d, %q: %s", line, strings.TrimSpace(lines[line-1]), rest)
}

// Resolve settles one request from the flags, a config file and the preset that either
// names. Flags narrow every experiment; the axes at the top of the file are what its
// experiments do not give themselves; the preset serves for the rest. Without a preset the
// defaults of "quick" serve, as a single experiment.
func Resolve(flags, file Config) (Config, error) {
	name := firstText(flags.Preset, file.Preset)
	base, err := preset(firstText(name, "quick"))
	if err != nil {
		return Config{}, err
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
			experiments[i].Axes = file.over(experiments[i].Axes)
		}
	default:
		experiments = []Experiment{{Name: "sweep", Axes: file.over(base.Axes)}}
	}
	for i := range experiments {
		experiments[i].Axes = flags.over(experiments[i].over(base.Axes))
	}
	settled := Config{Preset: name, Experiments: experiments}
	for _, c := range []Config{flags, file, base} {
		settled.Reps = firstNumber(settled.Reps, c.Reps)
		settled.Deadline = firstNumber(settled.Deadline, c.Deadline)
		settled.Out = firstText(settled.Out, c.Out)
		settled.Warmup = firstPointer(settled.Warmup, c.Warmup)
		settled.Seed = firstPointer(settled.Seed, c.Seed)
	}
	return settled, nil
}

func (a Axes) over(base Axes) Axes {
	return Axes{
		Transports:  firstList(a.Transports, base.Transports),
		Engines:     firstList(a.Engines, base.Engines),
		Codecs:      firstList(a.Codecs, base.Codecs),
		Sizes:       firstList(a.Sizes, base.Sizes),
		Fanout:      firstList(a.Fanout, base.Fanout),
		Concurrency: firstList(a.Concurrency, base.Concurrency),
		Placement:   firstList(a.Placement, base.Placement),
		Payload:     firstText(a.Payload, base.Payload),
		Guest:       firstText(a.Guest, base.Guest),
	}
}

func firstList[T any](a, b []T) []T {
	if a != nil {
		return a
	}
	return b
}

func firstText[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

func firstNumber[T ~int | ~int64](a, b T) T {
	if a != 0 {
		return a
	}
	return b
}

func firstPointer[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
