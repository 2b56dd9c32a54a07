package results_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/results"
)

// Whatever is wrong with a run's files is named with the file and the line, and the rest is
// read.
func TestReadReportsDamage(t *testing.T) {
	trials := append(someTrials(), resultsOf("kernel/stream")...)
	replaced := func(from, to string, count int) func(string) string {
		return func(text string) string { return strings.Replace(text, from, to, count) }
	}
	nothing := func(string) string { return "" }
	for name, test := range map[string]struct {
		file     string
		change   func(string) string
		damage   []string
		readable int
	}{
		"nothing":            {"trials.csv", replaced("", "", 0), nil, len(trials)},
		"a trial":            {"trials.csv", replaced(",ok,", ",oops,", 1), []string{"trials.csv: line 2: column status"}, len(trials) - 1},
		"empty trials.csv":   {"trials.csv", nothing, []string{"trials.csv: line 1: header missing", "trials.csv: no row of cells that summary.csv has (2)"}, 0},
		"no trials":          {"trials.csv", func(text string) string { return text[:strings.Index(text, "\n")+1] }, []string{"trials.csv: no row of cells"}, 0},
		"a trial is missing": {"trials.csv", func(text string) string { return text[:strings.LastIndex(text[:len(text)-1], "\n")+1] }, []string{"rows, where manifest.json counts"}, len(trials) - 1},
		"semicolons":         {"trials.csv", replaced(",", ";", -1), []string{"trials.csv: line 1: header: semicolons"}, 0},
		"summary.csv":        {"summary.csv", replaced(",ok,", ",oops,", 1), []string{"summary.csv: line 3: column status"}, len(trials)},
		"empty summary.csv":  {"summary.csv", nothing, []string{"summary.csv: line 1: header missing"}, len(trials)},
		"windows.csv":        {"windows.csv", func(text string) string { return text + "x\n" }, []string{"windows.csv: line 2: 1 fields"}, len(trials)},
		"manifest.json":      {"manifest.json", replaced("{", "[", 1), []string{"manifest.json: not the JSON"}, len(trials)},
	} {
		t.Run(name, func(t *testing.T) {
			directory := newDirectory(t)
			write(t, directory, trials)
			summaries, manifest := results.Summarize(trials, nil, 0), results.NewManifest()
			manifest.Finish(trials, summaries)
			if err := errors.Join(directory.WriteSummaries(summaries), directory.WriteManifest(manifest)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(directory.Path(), test.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(test.change(string(text))), 0o644); err != nil {
				t.Fatal(err)
			}
			found, err := directory.Read()
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Trials) != test.readable || len(found.Summaries) != len(summaries) {
				t.Errorf("%d trials of %d, %d cells of %d", len(found.Trials), test.readable, len(found.Summaries), len(summaries))
			}
			lines := found.Damage.Lines()
			if len(lines) != len(test.damage) {
				t.Fatalf("damage %q", lines)
			}
			for i := range lines {
				if !strings.HasPrefix(lines[i], directory.Path()) || !strings.Contains(lines[i], test.damage[i]) {
					t.Errorf("%q, want %q", lines[i], test.damage[i])
				}
			}
		})
	}
}

// What is no file has no end to wait for.
func TestReadOfWhatIsNoFile(t *testing.T) {
	directory := newDirectory(t)
	if err := errors.Join(directory.WriteSummaries(results.Summarize(someTrials(), nil, 0)), os.Mkdir(filepath.Join(directory.Path(), "trials.csv"), 0o755)); err != nil {
		t.Fatal(err)
	}
	found, err := directory.Read()
	if err != nil || len(found.Summaries) == 0 || len(found.Damage) != 1 || !strings.Contains(found.Damage[0].Error(), "trials.csv is no regular file") {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestMuchDamageIsCounted(t *testing.T) {
	if none := results.Damage(nil); none.Err() != nil || none.Note() != "" {
		t.Errorf("%v, %q", none.Err(), none.Note())
	}
	damage := make(results.Damage, 1000)
	for i := range damage {
		damage[i] = errors.New("line")
	}
	if lines := damage.Lines(); len(lines) > 10 || lines[len(lines)-1] != "and 995 more" || !strings.Contains(damage.Note(), " 1000 places") {
		t.Errorf("%q, %q", lines, damage.Note())
	}
}
