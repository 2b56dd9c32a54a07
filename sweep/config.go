package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"rrbench/payloads"
	"rrbench/transport"
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
	// Parameters are what a user tells single transports, by transport.Parameter.Flag.
	Parameters map[string]string `yaml:"parameters"`
}

// Size is a payload size in bytes that reads "1MiB" in YAML.
type Size int64

// UnmarshalYAML accepts what payloads.ParseSize accepts.
func (s *Size) UnmarshalYAML(node *yaml.Node) error {
	n, err := payloads.ParseSize(node.Value)
	*s = Size(n)
	return at(node, err)
}

// Duration is a time.Duration that reads "30s" in YAML.
type Duration time.Duration

// UnmarshalYAML accepts what time.ParseDuration accepts.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	v, err := time.ParseDuration(node.Value)
	*d = Duration(v)
	if err != nil {
		err = fmt.Errorf("%q is no duration, write for example 30s", node.Value)
	}
	return at(node, err)
}

func at(node *yaml.Node, cause error) error {
	if cause == nil {
		return nil
	}
	return fmt.Errorf("line %d: %w", node.Line, cause)
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
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, usage("config file %s: %s", path, configFault(text, err))
	}
	return c, nil
}

var (
	unknownField = regexp.MustCompile(`field (.*) not found in type \S+`)
	lineNumber   = regexp.MustCompile(`line (\d+): `)
)

// configFault turns the parser's report into one line that names the line and the key.
func configFault(text []byte, err error) string {
	message := err.Error()
	var several *yaml.TypeError
	if errors.As(err, &several) {
		message = strings.Join(several.Errors, "; ")
	}
	message = strings.TrimPrefix(oneLine(errors.New(message)), "yaml: ")
	message = unknownField.ReplaceAllString(message, "unknown key $1")
	lines := strings.Split(string(text), "\n")
	return lineNumber.ReplaceAllStringFunc(message, func(prefix string) string {
		n, err := strconv.Atoi(lineNumber.FindStringSubmatch(prefix)[1])
		if err != nil || n < 1 || n > len(lines) {
			return prefix
		}
		return fmt.Sprintf("line %d, %q: ", n, strings.TrimSpace(lines[n-1]))
	})
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

// given is what the user gives a transport, empty for nothing.
func (a Axes) given(info transport.Info) string {
	if info.Parameter == nil {
		return ""
	}
	return a.Parameters[info.Parameter.Flag]
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
		Parameters:  firstMap(a.Parameters, base.Parameters),
	}
}

func firstList[T any](a, b []T) []T {
	if a != nil {
		return a
	}
	return b
}

// firstMap has the entries of both, those of a where both have one.
func firstMap(a, b map[string]string) map[string]string {
	merged := maps.Clone(b)
	if merged == nil {
		return maps.Clone(a)
	}
	maps.Copy(merged, a)
	return merged
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
