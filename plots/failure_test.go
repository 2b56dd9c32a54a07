package plots

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// A figure that fails, and were it by a panic of the drawing library, is reported, leaves
// nothing behind, and does not keep the others from being drawn.
func TestFailingFigure(t *testing.T) {
	directory, err := results.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	if err := directory.WriteSummaries(resultstest.Summarize(resultstest.Trials(resultstest.Single()))); err != nil {
		t.Fatal(err)
	}
	contents, err := directory.Read()
	if err != nil {
		t.Fatal(err)
	}
	failing := figure{"failing", cpu}
	figures := []figure{failing, {"memory", memory}}
	if report, err := drawAll(figures, directory, &contents); err != nil || len(report.Files) != 2*len(extensions) {
		t.Fatalf("%+v, %v", report, err)
	}
	figures[0].compose = func(cells []*cell) (*sheet, error) {
		s, err := cpu(cells)
		s.panels[0][0].X.Tick.Marker = nil // gonum calls it
		return s, err
	}
	report, err := drawAll(figures, directory, &contents)
	if err == nil || !strings.Contains(err.Error(), "figure failing: ") {
		t.Errorf("error %v", err)
	}
	left, err := filepath.Glob(filepath.Join(directory.Figures(), "*"))
	if err != nil || strings.Join(left, "\n") == "" || len(left) != len(report.Files) {
		t.Errorf("%q is there, %q reported, %v", left, report.Files, err)
	}
	for _, path := range report.Files {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// A run whose files are damaged is drawn as far as it can be read, and every figure says so.
func TestDamageIsInEveryFigure(t *testing.T) {
	directory, err := results.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	journal, err := directory.CreateJournal()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(journal.Append(resultstest.Trials(resultstest.Single())), journal.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory.Path(), "trials.csv")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(",ok,"), []byte(",oops,"), 2), 0o644); err != nil {
		t.Fatal(err)
	}
	contents, err := directory.Read()
	if err != nil {
		t.Fatal(err)
	}
	report, err := Draw(directory, &contents)
	if err == nil || !strings.Contains(err.Error(), path+": line 2: ") || !strings.Contains(err.Error(), path+": line 3: ") {
		t.Errorf("error %v", err)
	}
	pictures := 0
	for _, file := range report.Files {
		if filepath.Ext(file) == ".svg" {
			pictures++
			if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte("damaged in 2 places")) {
				t.Errorf("%s does not say so, %v", file, err)
			}
		}
	}
	if pictures == 0 {
		t.Error("nothing drawn")
	}
}

// What does not fit on any page is not drawn, and the reason says so.
func TestWhatDoesNotFit(t *testing.T) {
	one := resultstest.Summarize(resultstest.Trials(resultstest.Single()))[0]
	var many []results.Summary
	for i := range mostSeries + 1 {
		one.Transport = fmt.Sprint("transport", i)
		many = append(many, one)
	}
	var placements []results.Summary
	for i := range mostPanels + 1 {
		other := many[i]
		other.Placement, other.SizeBytes = fmt.Sprint("place", i), int64(i+1)
		placements = append(placements, other)
	}
	long := many[:2:2]
	long[0].Transport = strings.Repeat("W", 1000)
	for reason, summaries := range map[string][]results.Summary{"a figure can show 300": many, "a figure can have 60": placements, "do not fit": long} {
		_, err := catalogue()[0].encode(cellsOf(summaries, nil, nil), "")
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v, want %s", err, reason)
		}
	}
}

// A directory that cannot be written is one line, and what is in it stays.
func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root writes everywhere")
	}
	directory := t.TempDir()
	if err := os.Chmod(directory, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := writable(directory); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), directory+" cannot be written: permission denied") {
		t.Errorf("got %v", err)
	}
}
