//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rrbench/payloads"
	"rrbench/sweep"
)

// newProgress shows a bar on a terminal that can draw one, a line now and then elsewhere, failures
// alone when quiet.
func newProgress(out *os.File, quiet bool) sweep.Progress {
	if quiet {
		return errorsOnly{out}
	}
	if kind := os.Getenv("TERM"); kind != "" && kind != "dumb" && columns(out) > 0 {
		return &bar{out: out}
	}
	return &lines{out: out}
}

// columns is the width of a terminal, and 0 where there is none or it does not say.
func columns(out *os.File) int {
	width, _, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fitting cuts what is drawn over and over in one line of a terminal: what wraps stays.
type fitting struct{ terminal *os.File }

func (f fitting) Write(text []byte) (int, error) {
	room := max(columns(f.terminal)-1, 0)
	drawings := strings.Split(string(text), "\r")
	for i, drawing := range drawings {
		if letters := []rune(drawing); len(letters) > room {
			drawings[i] = string(letters[:room])
		}
	}
	if _, err := f.terminal.WriteString(strings.Join(drawings, "\r")); err != nil {
		return 0, err
	}
	return len(text), nil
}

// errorsOnly tells of failures alone.
type errorsOnly struct{ out io.Writer }

func (errorsOnly) Begin(float64)                        {}
func (errorsOnly) Visiting(int, int, sweep.PlannedCell) {}
func (errorsOnly) Advance(float64)                      {}
func (errorsOnly) End()                                 {}

func (e errorsOnly) Failed(cell sweep.PlannedCell, reason string) {
	fmt.Fprintf(e.out, "failed: %s: %s\n", describe(cell), reason)
}

// bar is a progress bar with the time left.
type bar struct {
	out *os.File
	bar *progressbar.ProgressBar
}

// barUnits is the resolution of a second of estimated work.
const barUnits = 1000

func (b *bar) Begin(total float64) {
	b.bar = progressbar.NewOptions64(int64(total*barUnits),
		progressbar.OptionSetWriter(fitting{b.out}),
		progressbar.OptionSetWidth(min(24, columns(b.out)/4)),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionClearOnFinish(),
		// Nothing is drawn while something is measured.
		progressbar.OptionSpinnerCustom([]string{""}),
	)
}

func (b *bar) Visiting(block, blocks int, cell sweep.PlannedCell) {
	b.bar.Describe(fmt.Sprintf("block %d/%d  %s", block+1, blocks, describe(cell)))
}

func (b *bar) Advance(work float64) { _ = b.bar.Add64(int64(work * barUnits)) }

func (b *bar) Failed(cell sweep.PlannedCell, reason string) {
	_ = b.bar.Clear()
	fmt.Fprintf(b.out, "failed: %s: %s\n", describe(cell), reason)
}

func (b *bar) End() { _ = b.bar.Finish() }

// lines prints a line every so often, for logs.
type lines struct {
	out            io.Writer
	total, done    float64
	started, spoke time.Time
}

const linesEvery = 15 * time.Second

// trusted is how many seconds of estimated work the estimate is believed for, whatever the
// first visits take: they compile and read what is cached afterwards.
const trusted = 10

func (l *lines) Begin(total float64) {
	l.total = total
	l.started = time.Now()
	l.spoke = l.started
}

func (l *lines) Visiting(block, blocks int, cell sweep.PlannedCell) {
	now := time.Now()
	if now.Sub(l.spoke) < linesEvery || l.done == 0 {
		return
	}
	l.spoke = now
	pace := (now.Sub(l.started).Seconds() + trusted) / (l.done + trusted)
	left := time.Duration(pace * (l.total - l.done) * float64(time.Second))
	fmt.Fprintf(l.out, "%3.0f %%  block %d/%d  about %v left  %s\n", 100*l.done/l.total, block+1, blocks, left.Round(time.Second), describe(cell))
}

func (l *lines) Advance(work float64) { l.done += work }

func (l *lines) Failed(cell sweep.PlannedCell, reason string) {
	fmt.Fprintf(l.out, "failed: %s: %s\n", describe(cell), reason)
}

func (l *lines) End() {}

func describe(cell sweep.PlannedCell) string {
	text := fmt.Sprintf("%s %s %s %s", cell.Transport, cell.Engine, cell.Codec, payloads.FormatSize(cell.SizeBytes))
	if cell.Fanout > 1 {
		text += fmt.Sprintf(" to %d", cell.Fanout)
	}
	if cell.Fanin > 1 {
		text += fmt.Sprintf(" from %d", cell.Fanin)
	}
	if cell.Concurrency > 1 {
		text += fmt.Sprintf(" × %d", cell.Concurrency)
	}
	return text
}
