package measure

import (
	"os"
	"os/exec"
	"testing"
)

func TestProcessMeterAgreesWithTheProcess(t *testing.T) {
	meter, err := NewProcessMeter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own := NewMeter()
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
	want := own.Take()
	// Between the two readings lies what reading itself takes.
	if difference := want.CPU() - taken.CPU(); difference < -5_000_000 || difference > 20_000_000 {
		t.Errorf("CPU %d ns, the process itself counts %d", taken.CPU(), want.CPU())
	}
	if taken.MinorFaults > want.MinorFaults+10 {
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
