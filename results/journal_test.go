package results_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"rrbench/results"
	"rrbench/results/resultstest"
)

func someTrials() []results.Trial {
	trials := resultstest.Trials(resultstest.Single())[:8]
	trials[3].Status = results.Failed
	trials[3].Reason = `digest differs: got "12", want 34`
	trials[5].MinorFaults = 12.25
	return trials
}

func newDirectory(t *testing.T) *results.Directory {
	t.Helper()
	directory, err := results.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

func write(t *testing.T, directory *results.Directory, trials []results.Trial) {
	t.Helper()
	journal, err := directory.CreateJournal()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(journal.Append(trials), journal.Close()); err != nil {
		t.Fatal(err)
	}
}

func readStrict(t *testing.T, directory *results.Directory) []results.Trial {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory.Path(), "trials.csv"))
	if err != nil {
		t.Fatal(err)
	}
	trials, err := results.ReadTrials(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return trials
}

// Appended rows are in the file at once, with every field, and no other run may begin there.
func TestJournalKeepsEveryField(t *testing.T) {
	directory, want := newDirectory(t), someTrials()
	journal, err := directory.CreateJournal()
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	for i := range want {
		if err := errors.Join(journal.Append(want[i:i+1]), journal.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if got := readStrict(t, directory); !reflect.DeepEqual(got, want[:i+1]) {
			t.Fatalf("got %+v\nwant %+v", got, want[:i+1])
		}
	}
	if _, err = directory.CreateJournal(); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("got %v", err)
	}
}

// Wherever the writer dies within its last row, reading ignores that row, and resuming
// cuts it off, so that what follows is a whole file again.
func TestJournalCutShortAnywhere(t *testing.T) {
	directory, trials := newDirectory(t), someTrials()
	write(t, directory, trials)
	path := filepath.Join(directory.Path(), "trials.csv")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lastRow := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for length := lastRow; length < len(whole); length++ {
		if err := os.WriteFile(path, whole[:length], 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := directory.Journaled()
		if err != nil || len(got.Trials) != len(trials)-1 {
			t.Fatalf("cut at %d: %d trials, %v", length, len(got.Trials), err)
		}
		if (len(got.Damage) == 0) != (length == lastRow) {
			t.Errorf("cut at %d: damage %v", length, got.Damage)
		}
		journal, recovered, err := directory.ResumeJournal()
		if err != nil || len(recovered.Trials) != len(trials)-1 {
			t.Fatalf("cut at %d: resumed with %d trials, %v", length, len(recovered.Trials), err)
		}
		if err := errors.Join(journal.Append(trials[len(trials)-1:]), journal.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d: the resumed journal differs from one written in one go", length)
		}
	}
}

func TestJournalCutWithinItsHeader(t *testing.T) {
	directory, trials := newDirectory(t), someTrials()
	path := filepath.Join(directory.Path(), "trials.csv")
	if err := os.WriteFile(path, []byte("trial,cell,bl"), 0o644); err != nil {
		t.Fatal(err)
	}
	journal, recovered, err := directory.ResumeJournal()
	if err != nil || len(recovered.Trials) != 0 {
		t.Fatal(recovered, err)
	}
	if err := errors.Join(journal.Append(trials), journal.Close()); err != nil {
		t.Fatal(err)
	}
	if got := readStrict(t, directory); len(got) != len(trials) {
		t.Errorf("%d trials, want %d", len(got), len(trials))
	}
}

func TestResumeRefusesOtherColumns(t *testing.T) {
	directory := newDirectory(t)
	header := strings.Join(results.TrialColumns(), ",") + ",colour\n"
	if err := os.WriteFile(filepath.Join(directory.Path(), "trials.csv"), []byte(header), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := directory.ResumeJournal()
	if _, ok := errors.AsType[*results.DirectoryError](err); !ok || !strings.Contains(err.Error(), "another version") {
		t.Errorf("got %v", err)
	}
	// Reading is possible all the same.
	if got, err := directory.Read(); err != nil || len(got.Damage) > 0 {
		t.Error(got.Damage, err)
	}
}

// A run that goes on has its windows too; one that was measured again counts once.
func TestWindowsOfAResumedRun(t *testing.T) {
	directory, trials := newDirectory(t), resultstest.Trials(resultstest.Single())
	write(t, directory, trials)
	want := resultstest.Windows(trials)
	again := want[0]
	again.OK, again.Latencies, again.Reason, again.FunctionNs = 1, nil, "a second time", 0.25
	for _, some := range [][]results.Window{want, {again}} {
		journal, _, err := directory.ResumeJournal()
		if err != nil {
			t.Fatal(err)
		}
		for _, window := range some {
			err = errors.Join(err, journal.AppendWindow(window))
		}
		if err := errors.Join(err, journal.Close(), directory.Close()); err != nil {
			t.Fatal(err)
		}
	}
	want[0] = again
	path := filepath.Join(directory.Path(), "windows.csv")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []string{"", "0,1,2,fal"} {
		if err := os.WriteFile(path, append(whole, cut...), 0o644); err != nil {
			t.Fatal(err)
		}
		found, err := directory.Read()
		if err != nil || len(found.Windows) != len(want) || (len(found.Damage) > 0) != (cut != "") {
			t.Fatalf("%d windows, damage %v, %v", len(found.Windows), found.Damage, err)
		}
		read, err := directory.Journaled()
		if err != nil || !reflect.DeepEqual(read.Windows, found.Windows) {
			t.Error(err)
		}
		for i := range want {
			got := read.Windows[i]
			if same := sameText(t, got.Latencies, want[i].Latencies); !same {
				t.Errorf("window %d: other latencies", i)
			}
			if got.Latencies = want[i].Latencies; !reflect.DeepEqual(got, want[i]) {
				t.Errorf("got %+v\nwant %+v", got, want[i])
			}
		}
		journal, resumed, err := directory.ResumeJournal()
		if err != nil || len(resumed.Windows) != len(want) || len(resumed.Trials) != len(trials) || (len(resumed.Damage) > 0) != (cut != "") {
			t.Fatalf("%d windows, %d trials, damage %v, %v", len(resumed.Windows), len(resumed.Trials), resumed.Damage, err)
		}
		if err := errors.Join(journal.Close(), directory.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

const journalWriter = "RESULTS_TEST_JOURNAL"

// TestJournalOfAKilledProcess kills a process that appends without end, and expects the
// rows that it said to have written.
func TestJournalOfAKilledProcess(t *testing.T) {
	if path := os.Getenv(journalWriter); path != "" {
		appendForEver(path)
	}
	path := filepath.Join(t.TempDir(), "run")
	command := exec.Command(os.Args[0], "-test.run=^TestJournalOfAKilledProcess$")
	command.Env = append(os.Environ(), journalWriter+"="+path)
	progress, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(time.Minute, func() { command.Process.Kill() })
	defer deadline.Stop()
	said := 0
	for said < 200 {
		if _, err := fmt.Fscanln(progress, &said); err != nil {
			t.Fatal(err)
		}
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	command.Wait()

	directory, err := results.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := directory.Journaled()
	if err != nil || len(rows.Trials) < said {
		t.Fatalf("%d rows of at least %d: %v", len(rows.Trials), said, err)
	}
	journal, _, err := directory.ResumeJournal()
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	if got := readStrict(t, directory); len(got) != len(rows.Trials) {
		t.Errorf("%d rows after the cut, %d before", len(got), len(rows.Trials))
	}
}

func appendForEver(path string) {
	directory, err := results.Create(path)
	if err != nil {
		panic(err)
	}
	journal, err := directory.CreateJournal()
	if err != nil {
		panic(err)
	}
	batch := someTrials()
	for rep := 1; ; rep++ {
		for i := range batch {
			batch[i].Rep, batch[i].CellIndex = rep, i
		}
		if err := journal.Append(batch); err != nil {
			panic(err)
		}
		fmt.Println(rep * len(batch))
	}
}

// sameText reports whether two histograms are written alike, or neither is there.
func sameText(t *testing.T, a, b *results.Histogram) bool {
	t.Helper()
	if a == nil || b == nil {
		return a == b
	}
	of, err := a.MarshalText()
	other, failed := b.MarshalText()
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return string(of) == string(other)
}

// Where one file is missing, what is wrong with the other is still an error of its own.
func TestJournaledNamesTheFault(t *testing.T) {
	directory := newDirectory(t)
	if _, err := directory.Journaled(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
	if err := os.Mkdir(filepath.Join(directory.Path(), "windows.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.Journaled(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("windows.csv is a directory: %v", err)
	}
}

// A run that is only just beginning can be read.
func TestJournaledWhileTheJournalIsMade(t *testing.T) {
	for range 100 {
		directory := newDirectory(t)
		var making sync.WaitGroup
		making.Go(func() {
			journal, err := directory.CreateJournal()
			if err == nil {
				err = journal.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
		for !t.Failed() {
			run, err := results.Open(directory.Path())
			if err != nil {
				continue
			}
			if _, err := run.Journaled(); err != nil {
				t.Error(err)
			}
			break
		}
		making.Wait()
	}
}
