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
	"strings"
	"time"
	"unicode"

	"github.com/google/renameio/v2"

	"rrbench/foreign"
	"rrbench/inputs"
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
	// From is the smallest payload that goes by reference.
	From Size `json:"from"`
	// Because says in a few words why From is what it is.
	Because string `json:"because,omitempty"`
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

// Read reads a file, and returns beside what it says the file itself. The error is one line and
// names the file, what is wrong with it, and the remedy.
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

// check refuses what rrbench tune does not write.
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
	if f == nil {
		return &merged
	}
	if property, _, _ := newer.Machine.Differs(f.Machine); property != "" {
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
	for _, c := range f.Crossovers {
		if c.Transport == transportName && c.Engine == engine {
			return c, true
		}
	}
	return Crossover{}, false
}

// CheckWritable says, before there is anything to write, why Write could not; it makes the
// directory where there is none.
func CheckWritable(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write crossovers: %s is not a regular file", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write crossovers: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err == nil {
		err = errors.Join(file.Close(), os.Remove(file.Name()))
	}
	if err != nil {
		return fmt.Errorf("write crossovers: %w", err)
	}
	return nil
}

// Write replaces the file at a path in one step, and makes its directory where there is none:
// a reader sees the old content or the new, and an interruption leaves one of them.
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
