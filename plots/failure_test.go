package plots

import (
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
	if err := directory.WriteSummaries(results.Summarize(resultstest.Trials(resultstest.Single()))); err != nil {
		t.Fatal(err)
	}
	failing := figure{"failing", cpu}
	figures := []figure{failing, {"memory", memory}}
	if report, err := drawAll(figures, directory); err != nil || len(report.Files) != 2*len(extensions) {
		t.Fatalf("%+v, %v", report, err)
	}
	figures[0].compose = func(cells []*cell) (*sheet, error) {
		s, err := cpu(cells)
		s.panels[0][0].X.Tick.Marker = nil // gonum calls it
		return s, err
	}
	report, err := drawAll(figures, directory)
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
