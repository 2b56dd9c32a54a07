package plots_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rrbench/plots"
	"rrbench/results"
	"rrbench/results/resultstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// record writes trials, and windows made up for them, as a run's results.
func record(t *testing.T, trials []results.Trial) *results.Directory {
	t.Helper()
	directory, err := results.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	manifest := results.NewManifest()
	manifest.Transports = results.Transports{
		{Name: "limit/memcpy", Family: results.LimitFamily}, {Name: "user/copy", Family: "user", Limits: []string{"limit/memcpy"}}, {Name: "kernel/stream", Family: "kernel"},
	}
	if err := directory.WriteManifest(manifest); err != nil {
		t.Fatal(err)
	}
	journal, err := directory.CreateJournal()
	if err != nil {
		t.Fatal(err)
	}
	err = journal.Append(trials)
	for _, window := range resultstest.Windows(trials) {
		err = errors.Join(err, journal.AppendWindow(window))
	}
	if err := errors.Join(err, journal.Close()); err != nil {
		t.Fatal(err)
	}
	return directory
}

func drawn(t *testing.T, directory *results.Directory) plots.Report {
	t.Helper()
	contents, err := directory.Read()
	if err != nil {
		t.Fatal(err)
	}
	report, err := plots.Draw(directory, &contents)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func small() resultstest.Plan {
	plan := resultstest.Single()
	plan.Transports = []string{"limit/memcpy", "user/copy", "kernel/stream"}
	plan.Sizes = []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20}
	return plan
}

// Figures of a run whose machines were mixed say so, in whatever format.
func TestMixedMachinesAreMarked(t *testing.T) {
	directory := record(t, resultstest.Trials(small()))
	for _, mixed := range []string{"", "machines were mixed"} {
		manifest := results.NewManifest()
		manifest.Mixed = mixed
		if err := directory.WriteManifest(manifest); err != nil {
			t.Fatal(err)
		}
		for _, path := range drawn(t, directory).Files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			marked := bytes.Contains(content, []byte("Machines or programs were mixed"))
			if filepath.Ext(path) == ".svg" && marked != (mixed != "") {
				t.Errorf("%s is marked: %v", path, marked)
			}
		}
	}
}

var bySize = []string{"latency-size", "throughput-size", "latency-breakdown", "consumed-delivered", "cpu", "memory", "cycle-size", "cpu-size", "source-cpu-size", "goodput-limit"}

var byCount = []string{"makespan-fanout", "throughput-fanout", "makespan-fanin", "throughput-fanin", "makespan-concurrency", "throughput-concurrency", "latency-concurrency", "latency-rate"}

// papers are figures that a run of few transports on one engine has nothing for, the crossover among them.
const papers = 35 + 8 + 6 + 3

func TestDrawWritesEveryFormat(t *testing.T) {
	plan := resultstest.Single()
	plan.Transports = []string{"limit/memcpy", "user/copy"}
	plan.Sizes, plan.Fanouts, plan.Fanins, plan.Concurrencies, plan.Rates = []int64{64 << 10, 1 << 20}, []int{1, 4}, []int{1, 3}, []int{1, 2}, []results.Rate{0, 100, 1000}
	directory := record(t, resultstest.Trials(plan))
	report := drawn(t, directory)
	var want []string
	for _, figure := range slices.Concat(bySize, byCount) {
		for _, extension := range []string{".png", ".svg", ".pdf", ".csv"} {
			want = append(want, filepath.Join(directory.Figures(), figure+extension))
		}
	}
	if got := strings.Join(report.Files, "\n"); got != strings.Join(want, "\n") {
		t.Fatalf("files\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if omitted(report) != papers {
		t.Errorf("omitted %v", report.Omitted)
	}
	for _, path := range report.Files {
		check(t, path)
	}
}

// check reads a file as what its name says.
func check(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".png":
		image, err := png.DecodeConfig(bytes.NewReader(content))
		if err != nil || image.Width < 1000 || image.Height < 200 || image.Height > 3000 {
			t.Errorf("%s: %+v, %v", path, image, err)
		}
	case ".svg":
		if bytes.Contains(content, []byte("NaN")) || bytes.Contains(content, []byte("Inf")) {
			t.Errorf("%s places something nowhere", path)
		}
		for decoder := xml.NewDecoder(bytes.NewReader(content)); ; {
			if _, err := decoder.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
	case ".pdf":
		if !bytes.HasPrefix(content, []byte("%PDF-")) {
			t.Errorf("%s is no PDF", path)
		}
	case ".csv":
		if rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll(); err != nil || len(rows) < 2 {
			t.Errorf("%s: %d rows, %v", path, len(rows), err)
		}
	}
}

// Drawing writes to its directory alone.
func TestDrawNeedsNoTemporaryDirectory(t *testing.T) {
	directory := record(t, resultstest.Trials(resultstest.Single()))
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	for _, path := range drawn(t, directory).Files {
		check(t, path)
	}
}

func TestDrawIsDeterministic(t *testing.T) {
	directory := record(t, resultstest.Trials(resultstest.Single()))
	first := make(map[string][]byte)
	for pass := range 2 {
		for _, path := range drawn(t, directory).Files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if pass == 0 {
				first[path] = content
			} else if !bytes.Equal(content, first[path]) {
				t.Errorf("%s differs when it is drawn again", path)
			}
		}
	}
}

func table(t *testing.T, directory *results.Directory, figure string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory.Figures(), figure+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// damaged is a small run with everything that can be wrong with a cell.
func damaged() []results.Trial {
	trials := resultstest.Trials(small())
	for i := range trials {
		trial := &trials[i]
		switch {
		case trial.Transport == "user/copy" && trial.SizeBytes == 1<<20:
			trial.Status, trial.Reason = results.Failed, "digest differs"
		case trial.Transport == "kernel/stream" && trial.SizeBytes == 100<<20:
			trial.Status, trial.Reason = results.Skipped, "too little memory"
		case trial.Transport == "kernel/stream" && trial.SizeBytes == 64<<10:
			trial.Latency, trial.Transfer, trial.CopyIn, trial.Consumed = 0, 0, 0, 0
			trial.CPUUser, trial.CPUKernel, trial.RSSPeak, trial.PSSPeak = 0, 0, 0, 0
		}
	}
	return trials
}

func TestFigureDataNamesWhatIsNotDrawn(t *testing.T) {
	directory := record(t, damaged())
	for _, path := range drawn(t, directory).Files {
		check(t, path)
	}
	for _, figure := range bySize {
		got := []byte(table(t, directory, figure))
		path := filepath.Join("testdata", figure+".csv")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.csv differs; got\n%s", figure, got)
		}
	}
	latency := table(t, directory, "latency-size")
	for _, part := range []string{"failed,digest differs,no: failed", "skipped,too little memory,no: skipped", "ok,,no: no positive number"} {
		if !strings.Contains(latency, part) {
			t.Errorf("no %q in\n%s", part, latency)
		}
	}
}

// omitted counts the figures that were not drawn.
func omitted(report plots.Report) (count int) {
	for _, omission := range report.Omitted {
		count += len(omission.Figures)
	}
	return count
}

// What an audit has counted of a run has a bar, and so has what copies nothing.
func TestCopiesAreDrawn(t *testing.T) {
	directory := record(t, resultstest.Trials(small()))
	contents, err := directory.Read()
	if err != nil {
		t.Fatal(err)
	}
	rows := results.Auditable(contents.Summaries, 10<<20)
	if len(rows) != 3 || rows[0].Transport != "kernel/stream" || rows[0].SizeBytes != 10<<20 {
		t.Fatalf("%+v", rows)
	}
	rows[0].User, rows[0].Kernel, rows[1].Reason = 2, 1.5, "not here"
	if err := directory.WriteCopies(rows); err != nil {
		t.Fatal(err)
	}
	drawn(t, directory)
	lines := strings.Split(strings.TrimSpace(table(t, directory, "copies")), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1]+lines[2], "2,1.5,0,0") {
		t.Errorf("%q", lines)
	}
	check(t, filepath.Join(directory.Figures(), "copies.png"))
}

func TestNothingToDraw(t *testing.T) {
	summaries := resultstest.Summarize(resultstest.Trials(small()))
	directory := summarized(t, summaries)
	drawn(t, directory)
	for i := range summaries {
		summaries[i].Status, summaries[i].Reason = results.Failed, "all of them"
	}
	if err := directory.WriteSummaries(summaries); err != nil {
		t.Fatal(err)
	}
	report := drawn(t, directory)
	if len(report.Files) != 0 || omitted(report) != len(bySize)+len(byCount)+papers {
		t.Errorf("got %+v", report)
	}
	for _, omission := range report.Omitted {
		if omission.Reason == "" || !strings.Contains(omission.String(), omission.Figures[len(omission.Figures)-1]+" not drawn: ") {
			t.Errorf("got %v", omission)
		}
	}
	// What an earlier call drew is gone: it would belie the run.
	entries, err := os.ReadDir(directory.Figures())
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
}

// summarized is a run of which there is only summary.csv.
func summarized(t *testing.T, summaries []results.Summary) *results.Directory {
	t.Helper()
	directory, err := results.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	if err := directory.WriteSummaries(summaries); err != nil {
		t.Fatal(err)
	}
	return directory
}

// The figures can be drawn from summary.csv alone, whose numbers may be missing.
func TestDrawFromTheSummary(t *testing.T) {
	plan := small()
	plan.Fanouts = []int{1, 10}
	summaries := resultstest.Summarize(resultstest.Trials(plan))
	summaries[0].LatencyMedian, summaries[0].OpsPerSecond, summaries[0].BytesPerSecond = math.NaN(), math.NaN(), math.NaN()
	summaries[1].SerializeMedian, summaries[1].CPUUser, summaries[1].PSSPeak = math.NaN(), math.NaN(), math.NaN()
	directory := summarized(t, summaries)
	report := drawn(t, directory)
	if len(report.Files) != 4*(len(bySize)+2-len([]string{"source-cpu-size", "goodput-limit"})) {
		t.Errorf("got %+v", report)
	}
	for _, path := range report.Files {
		check(t, path)
	}
	if got := table(t, directory, "latency-size"); !strings.Contains(got, "no: no positive number") {
		t.Errorf("got %s", got)
	}
}

func TestDrawNeedsResults(t *testing.T) {
	directory := record(t, nil)
	if report := drawn(t, directory); len(report.Files) != 0 {
		t.Errorf("drawn from nothing: %v", report.Files)
	}
}
