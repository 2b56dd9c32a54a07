package measure

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
)

func TestProcessMeterAgreesWithTheProcess(t *testing.T) {
	TakeUsage()
	meter, err := NewProcessMeter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer meter.Close()
	var taken Usage
	for range 20 {
		for i := range 3_000_000 {
			sink += uint64(i)
		}
		piece, err := meter.Take()
		if err != nil {
			t.Fatal(err)
		}
		if piece.UserNs < 0 || piece.KernelNs < 0 || piece.MinorFaults < 0 || piece.ContextSwitches < 0 {
			t.Errorf("a piece is negative: %+v", piece)
		}
		taken = taken.Add(piece)
	}
	want := TakeUsage()
	// Its own readings enclose the meter's; it rounds to microseconds.
	if taken.CPU() > want.CPU()+2000 || taken.CPU() < want.CPU()/2 {
		t.Errorf("CPU %d ns, the process itself counts %d", taken.CPU(), want.CPU())
	}
	if taken.MinorFaults > want.MinorFaults {
		t.Errorf("%d faults, the process itself counts %d", taken.MinorFaults, want.MinorFaults)
	}
}

// sink keeps work from being optimized away.
var sink uint64

func TestProcessMeterOfOthers(t *testing.T) {
	command := exec.Command("sleep", "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	meter, err := NewProcessMeter(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer meter.Close()
	if _, err := meter.Take(); err != nil {
		t.Error(err)
	}
	memory, err := ProcessMemory(command.Process.Pid)
	if err != nil || memory.RSSPeak <= 0 || memory.PSSPeak <= 0 || memory.PSSPeak > memory.RSSPeak {
		t.Errorf("%+v, %v", memory, err)
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	if usage, err := meter.Take(); err == nil {
		t.Errorf("a process that is gone used %+v", usage)
	}
	if _, err := NewProcessMeter(command.Process.Pid); err == nil {
		t.Error("a process that is gone is metered")
	}
	if _, err := ProcessMemory(command.Process.Pid); err == nil {
		t.Error("a process that is gone has memory")
	}
}

// The parsers read the same files as another library does.
func TestProcessFiles(t *testing.T) {
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	stat, err := parseProcessStat(text)
	if err != nil {
		t.Fatal(err)
	}
	want, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if stat.minorFaults == 0 || stat.minorFaults > int64(want.MinFlt) || stat.userTicks > int64(want.UTime) || stat.threads == 0 || stat.threads > int64(want.NumThreads) {
		t.Errorf("%+v, then %+v", stat, want)
	}
	if text, err = os.ReadFile("/proc/self/schedstat"); err != nil {
		t.Fatal(err)
	}
	timeslices := parseTimeslices(text)
	schedstat, err := self.Schedstat()
	if err != nil {
		t.Fatal(err)
	}
	if timeslices == 0 || timeslices > int64(schedstat.RunTimeslices) {
		t.Errorf("%d times on a CPU, then %d", timeslices, schedstat.RunTimeslices)
	}
}

func TestParseTimeslices(t *testing.T) {
	for text, want := range map[string]int64{
		"9 8 7\n": 7, "9 8 7": 7, "0 0 0\n": 0,
		"": 0, "\n": 0, "9 8\n": 0, "9 8 x\n": 0, "9 8 7 6\n": 0, "9 8 -7\n": 0,
	} {
		if got := parseTimeslices([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestParseProcessStat(t *testing.T) {
	const rest = "S 1 2 3 4 5 6 10 0 0 0 14 15 0 0 20 0 5 0 100"
	want := processStat{minorFaults: 10, userTicks: 14, threads: 5}
	for _, name := range []string{"(sleep)", "(a b)", "(a) S 1 (b)", "()", "(\n)"} {
		if got, err := parseProcessStat([]byte("7 " + name + " " + rest + "\n")); err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	for _, text := range []string{"", ")", "7 (x) S 1 2", "7 (x) " + strings.Replace(rest, " 10 ", " ten ", 1), "7 (x) " + strings.Replace(rest, " 5 0 100", " -5 0 100", 1), "7 (x) " + strings.Replace(rest, " 14 ", "\n14 ", 1)} {
		if got, err := parseProcessStat([]byte(text)); err == nil {
			t.Errorf("%q was taken for %+v", text, got)
		}
	}
}

func TestProcessMeterAllocatesNothing(t *testing.T) {
	meter, err := NewProcessMeter(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	defer meter.Close()
	// The parent, a Go tool as a rule, may start a thread meanwhile.
	for range 5 {
		if n := testing.AllocsPerRun(20, func() { _, _ = meter.Take() }); n == 0 {
			return
		}
	}
	t.Error("Take allocates")
}

func BenchmarkProcessMeter(b *testing.B) {
	meter, err := NewProcessMeter(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	defer meter.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := meter.Take(); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzProcessFiles(f *testing.F) {
	for _, path := range []string{"/proc/self/stat", "/proc/self/schedstat"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if stat, err := parseProcessStat(text); err == nil && (stat.minorFaults < 0 || stat.userTicks < 0 || stat.threads < 0) {
			t.Errorf("%+v", stat)
		}
		if n := parseTimeslices(text); n < 0 {
			t.Error(n)
		}
	})
}
