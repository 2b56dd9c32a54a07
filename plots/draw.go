// Package plots draws a run's figures, and those of papers with what they have published: each as PNG, SVG and PDF in the width of a column
// or a page of a two-column paper, and the numbers behind it as CSV.
//
// Colours are those of Okabe and Ito (Color Universal Design, 2008), one a family of
// transports; a transport's shade and marker differ from those of its family, a line's dash from those
// of other engines. A cell that failed or was skipped interrupts its line and is named in the
// figure's CSV.
package plots

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"rrbench/results"
)

// Report is what Draw did.
type Report struct {
	// Files are the paths of the files written, in the order of the figures.
	Files []string
	// Omitted are the figures for which the run has no data, in the order of the figures.
	Omitted []Omission
}

// Omission is the figures that were not drawn for one reason.
type Omission struct {
	Figures []string
	Reason  string
}

func (o Omission) String() string {
	return fmt.Sprintf("%s not drawn: %s", strings.Join(o.Figures, ", "), o.Reason)
}

func (r *Report) omit(name, reason string) {
	i := slices.IndexFunc(r.Omitted, func(o Omission) bool { return o.Reason == reason })
	if i < 0 {
		i = len(r.Omitted)
		r.Omitted = append(r.Omitted, Omission{Reason: reason})
	}
	r.Omitted[i].Figures = append(r.Omitted[i].Figures, name)
}

// A figure is one entry of the catalogue. It gets the cells of programs alone, or of hand-offs alone; of a run without
// any cell it says what it needs. Its compose function returns an error that
// wraps errNoData when the run lacks what the figure shows.
type figure struct {
	name    string
	compose func([]*cell) (*sheet, error)
}

// errNoData is a figure's reason for not being drawn.
type errNoData string

const errNoNumbers = errNoData("no cell has the numbers")

func (e errNoData) Error() string { return string(e) }

func catalogue() []figure {
	all := slices.Concat(runFigures(), paperFigures(), programFigures())
	for i, f := range all {
		programs := f.name == coldStartFigure || i >= len(all)-len(programFigures())
		all[i].compose = func(cells []*cell) (*sheet, error) {
			of := where(cells, func(c *cell) bool { return c.IsProgram() == programs })
			switch {
			case programs && len(of) == 0:
				kind := "coldstart"
				if strings.HasPrefix(f.name, "compute-") {
					kind = "compute"
				}
				return nil, errNoData("the run has no programs; measure some with: rrbench sweep --experiment " + kind)
			case len(cells) > 0 && len(of) == 0:
				return nil, errNoData("the run has no hand-offs")
			}
			return f.compose(of)
		}
	}
	return all
}

func runFigures() []figure {
	return []figure{
		{"latency-size", againstSize(latency)},
		{"latency-engines", besideEngines},
		{"throughput-size", againstSize(throughput)},
		{"latency-breakdown", breakdown},
		{"consumed-delivered", consumedAndDelivered},
		{"cpu", cpu},
		{"memory", memory},
		{"cycle-size", againstSize(cycle)},
		{"cpu-size", againstSize(totalCPU)},
		{"source-cpu-size", againstSize(sourceCPU)},
		{"goodput-limit", againstSize(goodput)},
		{"crossover", crossover},
		{"copies", copied},
		{"makespan-fanout", againstCount(fanout, makespan)},
		{"throughput-fanout", againstCount(fanout, throughput)},
		{"makespan-fanin", againstCount(fanin, makespan)},
		{"throughput-fanin", againstCount(fanin, throughput)},
		{"makespan-concurrency", againstCount(concurrency, makespan)},
		{"throughput-concurrency", againstCount(concurrency, throughput)},
		{"latency-concurrency", underLoad(concurrency)},
		{"latency-rate", underLoad(offered)},
	}
}

// Draw draws every figure that the run has data for into its directory of figures, and
// removes those of an earlier call that it does not draw any more; contents are what the directory has. A figure that fails does
// not keep the others from being drawn; the error names it. Of a run whose files are damaged
// it draws the rest, with a note of it; the error names the files and their lines.
func Draw(directory *results.Directory, contents *results.Contents) (Report, error) {
	return drawAll(catalogue(), directory, contents)
}

func drawAll(figures []figure, directory *results.Directory, contents *results.Contents) (Report, error) {
	var report Report
	cells := cellsOf(contents.Summaries, results.MeasuredCells(contents.Trials, contents.Windows), contents.Transports)
	for i := range contents.Copies {
		for _, c := range cells {
			if row := &contents.Copies[i]; row.Reason == "" && c.copies == nil && row.Of(&c.Summary) {
				c.copies = row
				break
			}
		}
	}
	if err := writable(directory.Figures()); err != nil {
		return report, fmt.Errorf("figures: %w", err)
	}
	note := strings.TrimSpace(contents.Damage.Note() + " " + contents.Mixed)
	failures := []error{contents.Damage.Err()}
	files, errs := make([][]string, len(figures)), make([]error, len(figures))
	var drawing errgroup.Group
	drawing.SetLimit(runtime.GOMAXPROCS(0))
	for i, figure := range figures {
		drawing.Go(func() error {
			files[i], errs[i] = figure.draw(cells, note, directory)
			return nil
		})
	}
	_ = drawing.Wait()
	report.Files = slices.Concat(files...)
	for i, err := range errs {
		if reason, ok := errors.AsType[errNoData](err); ok {
			report.omit(figures[i].name, string(reason))
		} else if err != nil {
			failures = append(failures, fmt.Errorf("figure %s: %w", figures[i].name, err))
		}
	}
	return report, errors.Join(failures...)
}

// writable makes a directory unless it is there. Its error is for all figures that nothing can be written to it.
func writable(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	probe, err := os.CreateTemp(path, ".writable-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, errors.Unwrap(err))
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// draw writes the figure in every format, or leaves no file of it: some of the formats, or
// those of an earlier call, would belie the run.
func (f figure) draw(cells []*cell, note string, directory *results.Directory) ([]string, error) {
	contents, err := f.encode(cells, note)
	var files []string
	for i, content := range contents {
		if err == nil {
			var path string
			path, err = directory.Write(filepath.Join(results.FiguresDirectory, f.name+extensions[i]), content)
			files = append(files, path)
		}
	}
	if err == nil {
		return files, nil
	}
	var stays error
	for _, extension := range extensions {
		if err := os.Remove(filepath.Join(directory.Figures(), f.name+extension)); !errors.Is(err, fs.ErrNotExist) {
			stays = cmp.Or(stays, err)
		}
	}
	if stays != nil {
		return nil, fmt.Errorf("%v; an earlier one stays: %w", err, stays)
	}
	return nil, err
}

// mostSeries are more than fit on a page, and few enough to be drawn in no time.
const mostSeries = 300

// encode composes the figure and returns its files' contents, in the order of extensions.
// The drawing library panics where it cannot go on; that is the figure's error.
func (f figure) encode(cells []*cell, note string) (contents [][]byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			contents, err = nil, fmt.Errorf("the drawing library gave up: %v", reason)
		}
	}()
	if count := len(distinct(cells, func(c *cell) series { return c.series })); count > mostSeries {
		return nil, errNoData(fmt.Sprintf("%d series, a figure can show %d", count, mostSeries))
	}
	s, err := f.compose(cells)
	if err != nil {
		return nil, err
	}
	s.note = note
	return s.encode()
}
