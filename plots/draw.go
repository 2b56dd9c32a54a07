// Package plots draws a run's figures: each as PNG, SVG and PDF in the width of a column
// or a page of a two-column paper, and the numbers behind it as CSV.
//
// Colours are those of Okabe and Ito (Color Universal Design, 2008), one a family of
// transports; a transport's shade and marker tell it from its family, a line's dash tells
// the engine. A cell that failed or was skipped interrupts its line and is named in the
// figure's CSV.
package plots

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rrbench/results"
)

// Report tells what Draw did.
type Report struct {
	// Files are the paths of the files written, in the order of the figures.
	Files []string
	// Omitted are the figures for which the run has no data.
	Omitted []Omission
}

// Omission is a figure that was not drawn.
type Omission struct {
	Figure string
	Reason string
}

func (o Omission) String() string { return fmt.Sprintf("figure %s not drawn: %s", o.Figure, o.Reason) }

// A figure is one entry of the catalogue. Its compose function returns an error that
// wraps errNoData when the run lacks what the figure shows.
type figure struct {
	name    string
	compose func(*run) (*drawing, error)
}

// errNoData is a figure's reason for not being drawn.
type errNoData string

func (e errNoData) Error() string { return string(e) }

func catalogue() []figure {
	return []figure{
		{"latency-size", latencyAgainstSize},
		{"throughput-size", throughputAgainstSize},
		{"latency-breakdown", breakdown},
		{"consumed-delivered", consumedAndDelivered},
		{"cpu", cpu},
		{"memory", memory},
		{"makespan-fanout", makespanAgainstFanout},
		{"throughput-fanout", throughputAgainstFanout},
		{"makespan-concurrency", makespanAgainstConcurrency},
		{"throughput-concurrency", throughputAgainstConcurrency},
	}
}

// Draw draws every figure that the run has data for into its directory of figures, and
// removes those of an earlier call that it has no data for any more.
func Draw(directory *results.Directory) (Report, error) {
	var report Report
	run, err := load(directory)
	if err != nil {
		return report, fmt.Errorf("figures: %w", err)
	}
	if err := os.MkdirAll(directory.Figures(), 0o755); err != nil {
		return report, fmt.Errorf("figures: %w", err)
	}
	for _, figure := range catalogue() {
		path := filepath.Join(directory.Figures(), figure.name)
		drawing, err := figure.compose(run)
		if reason, ok := errors.AsType[errNoData](err); ok {
			report.Omitted = append(report.Omitted, Omission{figure.name, string(reason)})
			if err := remove(path); err != nil {
				return report, fmt.Errorf("figure %s: %w", figure.name, err)
			}
			continue
		}
		if err != nil {
			return report, fmt.Errorf("figure %s: %w", figure.name, err)
		}
		files, err := drawing.write(path)
		report.Files = append(report.Files, files...)
		if err != nil {
			return report, fmt.Errorf("figure %s: %w", figure.name, err)
		}
	}
	return report, nil
}

func remove(path string) error {
	for _, extension := range extensions {
		if err := os.Remove(path + extension); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
