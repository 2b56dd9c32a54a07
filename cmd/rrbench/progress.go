//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rrbench/payloads"
	"rrbench/sweep"
)

// newProgress shows a bar on a terminal that can draw one, elsewhere a line from time to time, and failures alone when quiet.
func newProgress(out *os.File, quiet bool) sweep.Progress {
	if quiet {
		return errorsOnly{out}
	}
	if kind := os.Getenv("TERM"); kind != "" && kind != "dumb" && columns(out) > 0 {
		return &bar{errorsOnly: errorsOnly{out}}
	}
	return &lines{errorsOnly: errorsOnly{out}}
}

// columns is the width of a terminal, and 0 where there is none or its width is unknown.
func columns(out *os.File) int {
	width, _, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fitting cuts the lines that are drawn over each other to the width of the terminal: a wrapped line could not be erased.
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

// errorsOnly prints failures alone.
type errorsOnly struct{ out *os.File }

func (errorsOnly) Visiting(sweep.Advance) {}
func (errorsOnly) End()                   {}

func (e errorsOnly) Failed(cell sweep.PlannedCell, reason string) {
	fmt.Fprintf(e.out, "failed: %s: %s\n", describe(cell), reason)
}

// bar is a progress bar with the time left.
type bar struct {
	errorsOnly
	bar *progressbar.ProgressBar
}

const barUnits = 10_000

func (b *bar) Visiting(a sweep.Advance) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(barUnits,
			progressbar.OptionSetWriter(fitting{b.out}),
			progressbar.OptionSetWidth(min(24, columns(b.out)/4)),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(true),
			progressbar.OptionClearOnFinish(),
			// Nothing is drawn while something is measured.
			progressbar.OptionSpinnerCustom([]string{""}),
		)
	}
	_ = b.bar.Set(int(barUnits * share(a)))
	b.bar.Describe(advance(a))
}

// share is how much of a run is done.
func share(a sweep.Advance) float64 { return a.Done.Seconds() / max((a.Done+a.Left).Seconds(), 1e-9) }

func advance(a sweep.Advance) string {
	about := "about"
	if a.UpTo {
		about = "up to"
	}
	return fmt.Sprintf("block %d/%d  %s %v left  %s", a.Block+1, a.Blocks, about, a.Left.Round(time.Second), describe(a.Cell))
}

func (b *bar) Failed(cell sweep.PlannedCell, reason string) {
	_ = b.bar.Clear()
	b.errorsOnly.Failed(cell, reason)
}

func (b *bar) End() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

// lines prints a line every so often, for logs.
type lines struct {
	errorsOnly
	spoke time.Time
}

const linesEvery = 15 * time.Second

func (l *lines) Visiting(a sweep.Advance) {
	now := time.Now()
	if l.spoke.IsZero() {
		l.spoke = now
	}
	if a.Done > 0 && now.Sub(l.spoke) >= linesEvery {
		l.spoke = now
		fmt.Fprintf(l.out, "%3.0f %%  %s\n", 100*share(a), advance(a))
	}
}

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
