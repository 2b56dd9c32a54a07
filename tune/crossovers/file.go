// Package crossovers keeps the payload sizes from which on this machine hands payloads over
// by reference, and has them read, in less time than by copying: the file that rrbench tune writes, and the
// choice between what is there and what is built in.
//
// A file holds for the machine that it was measured on. A plan writes the crossovers that
// it uses into its cells, so a run that is resumed, or repeated from its manifest, does not
// depend on the file.
package crossovers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/renameio/v2"

	"rrbench/foreign"
	"rrbench/inputs"
	"rrbench/measure"
	"rrbench/transport"
)

// File is what was measured on a machine.
type File struct {
	// Format is the version of the layout, and of what it is that decides.
	Format   int       `json:"format"`
	Measured time.Time `json:"measured"`
	Machine  Machine   `json:"machine"`
	// Crossovers has at most one element a transport and engine.
	Crossovers []Crossover `json:"crossovers"`
}

// Crossover is where a transport begins to hand over by reference on an engine.
type Crossover struct {
	Transport string `json:"transport"`
	Engine    string `json:"engine"`
	From      Size   `json:"from"`
	Because   string `json:"because,omitempty"`
}

// Size is a crossover in bytes; transport.FormatCrossover writes it.
type Size int64

// MarshalText writes 144KiB, or never.
func (s Size) MarshalText() ([]byte, error) { return []byte(transport.FormatCrossover(int64(s))), nil }

// UnmarshalText reads what transport.ParseCrossover accepts.
func (s *Size) UnmarshalText(text []byte) error {
	if len(text) > longestText {
		return fmt.Errorf("crossover of %d characters", len(text))
	}
	n, err := transport.ParseCrossover(string(text))
	*s = Size(n)
	return err
}

const (
	// Format is the version that is written and read. Crossovers of version 1 were found by
	// latency.
	Format = 2
	// Limits of what is read: a file that exceeds one was not written by rrbench tune.
	largestFile = 1 << 20
	mostEntries = 1000
	longestText = 200
)

// Read reads a file. The error is one line with the remedy.
func Read(ctx context.Context, path string) (*File, *inputs.File, error) {
	source, err := inputs.Kind{Most: largestFile}.Read(ctx, path)
	if err != nil {
		return nil, nil, fmt.Errorf("crossovers: %s: %w: name a file that rrbench tune has written", path, err)
	}
	f, err := parse(source.Content)
	if err != nil {
		return nil, nil, fmt.Errorf("crossovers: %s: %w: write it anew with rrbench tune", path, err)
	}
	return f, source, nil
}

func parse(text []byte) (*File, error) {
	f := new(File)
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("it is not what rrbench tune writes: %.200s", foreign.Error(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its end")
	}
	return f, f.check()
}

func (f *File) check() error {
	switch {
	case f.Format != Format:
		return fmt.Errorf("its format is %d, this program reads %d", f.Format, Format)
	case len(f.Crossovers) > mostEntries:
		return fmt.Errorf("it has %d crossovers", len(f.Crossovers))
	}
	seen := make(map[[2]string]bool)
	for _, c := range f.Crossovers {
		key := [2]string{c.Transport, c.Engine}
		switch {
		case c.Transport == "" || c.Engine == "":
			return errors.New("a crossover lacks its transport or engine")
		case len(c.Transport)+len(c.Engine)+len(c.Because) > longestText:
			return fmt.Errorf("the crossover of %.20q is longer than any", c.Transport)
		case strings.ContainsFunc(c.Transport+c.Engine+c.Because, func(r rune) bool { return !unicode.IsPrint(r) }):
			return fmt.Errorf("the crossover of %q has characters that do not print", c.Transport)
		case c.From < 1:
			return fmt.Errorf("the crossover of %q on %q lacks its size", c.Transport, c.Engine)
		case seen[key]:
			return fmt.Errorf("the crossover of %q on %q is there twice", c.Transport, c.Engine)
		}
		seen[key] = true
	}
	return nil
}

// Update lays newer crossovers of the same machine over those of f, which may be nil.
func (f *File) Update(newer *File) *File {
	merged := *newer
	merged.Crossovers = slices.Clone(newer.Crossovers)
	if f == nil || f.Machine != newer.Machine {
		return &merged
	}
	for _, c := range f.Crossovers {
		if _, found := newer.find(c.Transport, c.Engine); !found {
			merged.Crossovers = append(merged.Crossovers, c)
		}
	}
	return &merged
}

func (f *File) find(transportName, engine string) (Crossover, bool) {
	i := slices.IndexFunc(f.Crossovers, func(c Crossover) bool { return c.Transport == transportName && c.Engine == engine })
	if i < 0 {
		return Crossover{}, false
	}
	return f.Crossovers[i], true
}

// CheckWritable says beforehand why Write could not.
func CheckWritable(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write crossovers: %s is not a regular file", path)
	}
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		var file *os.File
		if file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"); err == nil {
			err = errors.Join(file.Close(), os.Remove(file.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("write crossovers: %w", err)
	}
	return nil
}

// Write replaces the file at a path in one step.
func (f *File) Write(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write crossovers: %w", err)
	}
	return nil
}

// Machine is what tells machines apart whose crossovers differ.
type Machine struct {
	Architecture string `json:"architecture"`
	CPUModel     string `json:"cpu_model"`
	CPUs         int    `json:"cpus"`
	Kernel       string `json:"kernel"`
}

// ThisMachine is the one that this process runs on.
func ThisMachine() Machine { return MachineOf(measure.ReadEnvironment()) }

// MachineOf is the one of an environment.
func MachineOf(e measure.Environment) Machine {
	return Machine{Architecture: e.Architecture, CPUModel: e.CPUModel, CPUs: e.CPUs, Kernel: e.KernelRelease}
}

// Differs says in what another machine differs, and how either is.
func (m Machine) Differs(other Machine) (property, theirs, ours string) {
	quoted := func(text string) string { return fmt.Sprintf("%.80q", text) }
	switch {
	case m.Architecture != other.Architecture:
		return "architecture", quoted(other.Architecture), quoted(m.Architecture)
	case m.CPUModel != other.CPUModel:
		return "CPU", quoted(other.CPUModel), quoted(m.CPUModel)
	case m.CPUs != other.CPUs:
		return "number of CPUs", strconv.Itoa(other.CPUs), strconv.Itoa(m.CPUs)
	case m.Kernel != other.Kernel:
		return "kernel", quoted(other.Kernel), quoted(m.Kernel)
	}
	return "", "", ""
}
