package plots

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rrbench/results"
	"rrbench/results/resultstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// infos are of some transports, as a run's manifest has them.
var infos = results.Transports{
	{Name: "limit/memcpy", Family: results.LimitFamily}, {Name: "user/copy", Family: "user", Limits: []string{"limit/memcpy"}}, {Name: "kernel/stream", Family: "kernel"},
}

// create makes a run directory without results.
func create(t *testing.T) *results.Directory {
	t.Helper()
	directory, err := results.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

// record writes trials, and windows made up for them, as a run's results.
func record(t *testing.T, trials []results.Trial) *results.Directory {
	t.Helper()
	directory := create(t)
	manifest := results.NewManifest()
	manifest.Transports = infos
	journal, err := directory.CreateJournal()
	if err := errors.Join(err, directory.WriteManifest(manifest)); err != nil {
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

// summarized is a run of which there is only summary.csv.
func summarized(t *testing.T, summaries []results.Summary) *results.Directory {
	t.Helper()
	directory := create(t)
	if err := directory.WriteSummaries(summaries); err != nil {
		t.Fatal(err)
	}
	return directory
}

func contentsOf(t *testing.T, directory *results.Directory) *results.Contents {
	t.Helper()
	contents, err := directory.Read()
	if err != nil {
		t.Fatal(err)
	}
	return &contents
}

func drawn(t *testing.T, directory *results.Directory) Report {
	t.Helper()
	report, err := Draw(directory, contentsOf(t, directory))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func table(t *testing.T, directory *results.Directory, figure string) string {
	t.Helper()
	return string(read(t, filepath.Join(directory.Figures(), figure+".csv")))
}

func small() resultstest.Plan {
	plan := resultstest.Single()
	plan.Transports = []string{"limit/memcpy", "user/copy", "kernel/stream"}
	plan.Sizes = []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20}
	return plan
}

var bySize = []string{"latency-size", "throughput-size", "latency-breakdown", "consumed-delivered", "cpu", "memory", "cycle-size", "cpu-size", "source-cpu-size", "goodput-limit"}

var byCount = []string{"makespan-fanout", "throughput-fanout", "makespan-fanin", "throughput-fanin", "makespan-concurrency", "throughput-concurrency", "latency-concurrency", "latency-rate"}

// papers are figures that a run of few transports on one engine has nothing for, the crossover among them.
const papers = 35 + 8 + 6 + 3

func TestDrawWritesEveryFormat(t *testing.T) {
	plan := resultstest.Single()
	plan.Transports, plan.Rounds, plan.Starts = []string{"limit/memcpy", "user/copy"}, 3, 3
	plan.Sizes, plan.Fanouts, plan.Fanins, plan.Concurrencies, plan.Rates = []int64{64 << 10, 1 << 20}, []int{1, 4}, []int{1, 3}, []int{1, 2}, []results.Rate{0, 100, 1000}
	directory := record(t, resultstest.Trials(plan))
	report := drawn(t, directory)
	var want []string
	for _, figure := range slices.Concat(bySize, byCount) {
		for _, extension := range extensions {
			want = append(want, filepath.Join(directory.Figures(), figure+extension))
		}
	}
	if !slices.Equal(report.Files, want) {
		t.Fatalf("files\n%s\nwant\n%s", strings.Join(report.Files, "\n"), strings.Join(want, "\n"))
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
	content := read(t, path)
	switch filepath.Ext(path) {
	case ".png":
		image, err := png.DecodeConfig(bytes.NewReader(content))
		if err != nil || image.Width < 1000 || image.Height < 200 || image.Height > 3000 {
			t.Errorf("%s: %+v, %v", path, image, err)
		}
	case ".svg":
		checkSVG(t, path, content)
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

// A run is drawn the same each time, without a temporary directory. If its machines were mixed or its files are
// damaged, every figure is marked.
func TestDrawAgain(t *testing.T) {
	directory := record(t, resultstest.Trials(resultstest.Single()))
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	first := make(map[string][]byte)
	for _, path := range drawn(t, directory).Files {
		check(t, path)
		first[path] = read(t, path)
	}
	for _, path := range drawn(t, directory).Files {
		if !bytes.Equal(read(t, path), first[path]) {
			t.Errorf("%s differs when it is drawn again", path)
		}
	}
	manifest := results.NewManifest()
	manifest.Mixed = "machines were mixed"
	trials := filepath.Join(directory.Path(), "trials.csv")
	damaged := bytes.Replace(read(t, trials), []byte(",ok,"), []byte(",oops,"), 2)
	if err := errors.Join(directory.WriteManifest(manifest), os.WriteFile(trials, damaged, 0o644)); err != nil {
		t.Fatal(err)
	}
	report, err := Draw(directory, contentsOf(t, directory))
	if err == nil || !strings.Contains(err.Error(), trials+": line 2: ") || !strings.Contains(err.Error(), trials+": line 3: ") {
		t.Errorf("error %v", err)
	}
	pictures := 0
	for _, path := range report.Files {
		if filepath.Ext(path) == ".svg" {
			pictures++
			for _, mark := range []string{"Machines or programs were mixed", "damaged in 2 places"} {
				if !bytes.Contains(read(t, path), []byte(mark)) || bytes.Contains(first[path], []byte(mark)) {
					t.Errorf("%s: %q must be in it, and not in that of the run before", path, mark)
				}
			}
		}
	}
	if pictures == 0 {
		t.Error("nothing drawn")
	}
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
	cells := made(damaged(), infos)
	for _, figure := range runFigures() {
		if !slices.Contains(bySize, figure.name) {
			continue
		}
		s, err := figure.compose(cells)
		if err != nil {
			t.Fatal(err)
		}
		checkSheet(t, figure.name, s)
		var got bytes.Buffer
		if err := csv.NewWriter(&got).WriteAll(s.table); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", figure.name+".csv")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got.Bytes(), read(t, path)) {
			t.Errorf("%s differs; got\n%s", path, &got)
		}
	}
	latency := string(read(t, "testdata/latency-size.csv"))
	for _, part := range []string{"failed,digest differs,no: failed", "skipped,too little memory,no: skipped", "ok,,no: no positive number"} {
		if !strings.Contains(latency, part) {
			t.Errorf("no %q in\n%s", part, latency)
		}
	}
}

// omitted counts the figures that were not drawn.
func omitted(report Report) (count int) {
	for _, omission := range report.Omitted {
		count += len(omission.Figures)
	}
	return count
}

// A cell that an audit has counted has a bar, also where nothing is copied.
func TestCopiesAreDrawn(t *testing.T) {
	directory := record(t, resultstest.Trials(small()))
	rows := results.Auditable(contentsOf(t, directory).Summaries, 10<<20)
	if len(rows) != 3 || rows[0].Transport != "kernel/stream" || rows[0].SizeBytes != 10<<20 {
		t.Fatalf("%+v", rows)
	}
	rows[0].User, rows[0].Kernel, rows[1].Reason = 2, 1.5, "not here"
	if err := directory.WriteCopies(rows); err != nil {
		t.Fatal(err)
	}
	if _, err := drawAll([]figure{{"copies", copied}}, directory, contentsOf(t, directory)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(table(t, directory, "copies")), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1]+lines[2], "2,1.5,0,0") {
		t.Errorf("%q", lines)
	}
	check(t, filepath.Join(directory.Figures(), "copies.png"))
}

func TestNothingToDraw(t *testing.T) {
	if report := drawn(t, record(t, nil)); len(report.Files) != 0 {
		t.Errorf("drawn from nothing: %v", report.Files)
	}
	summaries := resultstest.Summarize(resultstest.Trials(resultstest.Single()))
	directory := summarized(t, summaries)
	if report := drawn(t, directory); len(report.Files) == 0 {
		t.Error("nothing drawn")
	}
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
	// The figures of the earlier call are removed: they would belie the run.
	entries, err := os.ReadDir(directory.Figures())
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
}

// The figures can be drawn from summary.csv alone, in which numbers may be missing.
func TestDrawFromTheSummary(t *testing.T) {
	plan := small()
	plan.Sizes, plan.Fanouts = plan.Sizes[:2], []int{1, 10}
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

// A figure that fails, also by a panic of the drawing library, is reported, leaves no file, and does not keep the
// others from being drawn.
func TestFailingFigure(t *testing.T) {
	directory := summarized(t, resultstest.Summarize(resultstest.Trials(resultstest.Single())))
	contents := contentsOf(t, directory)
	figures := []figure{{"failing", cpu}, {"memory", memory}}
	if report, err := drawAll(figures, directory, contents); err != nil || len(report.Files) != 2*len(extensions) {
		t.Fatalf("%+v, %v", report, err)
	}
	figures[0].compose = func(cells []*cell) (*sheet, error) {
		s, err := cpu(cells)
		s.panels[0][0].X.Tick.Marker = nil // gonum calls it
		return s, err
	}
	report, err := drawAll(figures, directory, contents)
	if err == nil || !strings.Contains(err.Error(), "figure failing: ") {
		t.Errorf("error %v", err)
	}
	left, err := filepath.Glob(filepath.Join(directory.Figures(), "*"))
	if err != nil || len(left) != len(extensions) || !slices.Equal(left, slices.Sorted(slices.Values(report.Files))) {
		t.Errorf("%q is there, %q reported, %v", left, report.Files, err)
	}
}

// What does not fit on any page is not drawn, with the reason.
func TestWhatDoesNotFit(t *testing.T) {
	one := resultstest.Summarize(resultstest.Trials(resultstest.Single()))[0]
	var many []results.Summary
	for i := range mostSeries + 1 {
		one.Transport = fmt.Sprint("transport", i)
		many = append(many, one)
	}
	placements := slices.Clone(many[:mostPanels+1])
	for i := range placements {
		placements[i].Placement, placements[i].SizeBytes = fmt.Sprint("place", i), int64(i+1)
	}
	long := slices.Clone(many[:2])
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
