package results_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rrbench/results"
)

func TestCreateRefuses(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	occupied := filepath.Join(base, "occupied")
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Mkdir(occupied, 0o755), os.WriteFile(filepath.Join(occupied, "thesis.tex"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	run, live := newDirectory(t), newDirectory(t)
	write(t, run, nil)
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, problem, remedy string }{
		"a file":           {file, "cannot be written (not a directory)", "--out"},
		"under a file":     {filepath.Join(file, "run"), "cannot be written (not a directory)", "--out"},
		"not empty":        {occupied, "is not empty", "name another one with --out, or empty it"},
		"a run under way":  {live.Path(), fmt.Sprintf("is being written by process %d", os.Getpid()), "--out"},
		"another run":      {run.Path(), "is not empty", "--resume " + run.Path()},
		"impossible names": {filepath.Join(base, strings.Repeat("x", 5000)), "cannot be written", "--out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := results.Create(test.path)
			if _, ok := errors.AsType[*results.DirectoryError](err); !ok {
				t.Fatalf("got %T %v", err, err)
			}
			message := err.Error()
			for _, part := range []string{test.path, test.problem, test.remedy} {
				if !strings.Contains(message, part) {
					t.Errorf("%q lacks %q", message, part)
				}
			}
			if strings.Contains(message, "\n") {
				t.Errorf("more than one line: %q", message)
			}
		})
	}
}

func TestCreateAcceptsAnEmptyDirectory(t *testing.T) {
	path := t.TempDir()
	directory, err := results.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(directory.Figures()); err != nil || !info.IsDir() {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, problem := range map[string]string{
		filepath.Join(base, "nowhere"): "does not exist",
		file:                           "is not a directory",
		base:                           "holds neither trials.csv nor summary.csv",
	} {
		_, err := results.Open(path)
		if _, ok := errors.AsType[*results.DirectoryError](err); !ok || !strings.Contains(err.Error(), problem) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDefaultPath(t *testing.T) {
	start := time.Date(2026, 3, 1, 1, 2, 3, 0, time.FixedZone("", 3600))
	for name, want := range map[string]string{"quick": "20260301T000203Z-quick", "": "20260301T000203Z-sweep"} {
		if got := results.DefaultPath(start, name); got != filepath.Join("results", "runs", want) {
			t.Errorf("got %s", got)
		}
	}
}

func TestManifest(t *testing.T) {
	directory := newDirectory(t)
	manifest := results.NewManifest()
	manifest.Name, manifest.Seed, manifest.Command = "quick", 1<<63+1, results.Texts([]string{"rrbench", "sweep", "--out", "a b", "not\xffUTF-8"})
	manifest.Plan = json.RawMessage(`{"sizes":[1,2]}`)
	manifest.Versions.Engines = map[string]string{"wazero": "1.12.0"}
	if err := directory.WriteManifest(manifest); err != nil {
		t.Fatal(err)
	}
	began, err := directory.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if began.End != nil || began.After != nil {
		t.Error("a manifest that was not finished has an end")
	}
	trials := someTrials()
	summaries := results.Summarize(trials, nil, 0)
	twice := rows(single(100, 110, 90, 100, 111, 92)...)
	for i := range twice {
		twice[i].Noise, twice[i].Rate = i < 3, 7
	}
	manifest.Finish(append(trials, twice...), summaries)
	if err := directory.WriteManifest(manifest); err != nil {
		t.Fatal(err)
	}
	ended, err := directory.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if ended.Trials != (results.Counts{OK: 13, Failed: 1}) || ended.Cells != (results.Counts{Failed: 1}) {
		t.Errorf("counts %+v %+v", ended.Trials, ended.Cells)
	}
	if len(ended.Noise) != 1 || ended.Noise[0].Transport != "user/copy" || !(ended.Noise[0].Lo < ended.Noise[0].Hi) || ended.Noise[0].Rate != 7 {
		t.Errorf("noise %+v", ended.Noise)
	}
	if ended.End == nil || ended.After == nil || ended.Seed != manifest.Seed || !reflect.DeepEqual(ended.Command, manifest.Command) {
		t.Errorf("got %+v", ended)
	}
	entries, err := os.ReadDir(directory.Path())
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestSummariesOfTheDirectory(t *testing.T) {
	directory, trials := newDirectory(t), someTrials()
	want := results.Summarize(trials, nil, 0)
	// What only summary.csv tells, when trials.csv was not kept.
	if err := directory.WriteSummaries(want); err != nil {
		t.Fatal(err)
	}
	found, err := directory.Read()
	if err != nil || len(found.Damage) > 0 || len(found.Summaries) != len(want) || math.Abs(found.Summaries[0].LatencyMedian-want[0].LatencyMedian) > 0.001 {
		t.Fatal(found, err)
	}
	// A resumed run has more trials than its old summary tells.
	more := append(trials, resultsOf("kernel/stream")...)
	write(t, directory, more)
	found, err = directory.Read()
	if err != nil || len(found.Damage) > 0 || len(found.Summaries) != len(want)+1 {
		t.Fatal(found, err)
	}
}
