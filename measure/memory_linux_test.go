package measure

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestPeaks(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name                string
		highWater, rss, pss uint64
		want                Memory
	}{
		{"at the peak", 100 * mib, 100 * mib, 60 * mib, Memory{100 * mib, 60 * mib}},
		{"after it", 150 * mib, 100 * mib, 60 * mib, Memory{150 * mib, 110 * mib}},
		{"kernel's count lags", 99 * mib, 100 * mib, 60 * mib, Memory{100 * mib, 60 * mib}},
	} {
		if got := peaks(test.highWater, test.rss, test.pss); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestSelfMemoryRemembersPeakUntilReset(t *testing.T) {
	// The kernel's batched counters, and the runtime at work, may add or hide this much.
	const size, slack = 128 << 20, 16 << 20
	if err := ResetPeaks(); err != nil {
		t.Fatal(err)
	}
	before := read(t)
	if err := unix.Munmap(touch(t, size)); err != nil {
		t.Fatal(err)
	}
	peak := read(t)
	if err := ResetPeaks(); err != nil {
		t.Fatal(err)
	}
	after := read(t)

	if grown := peak.RSSPeak - before.RSSPeak; grown < size-slack {
		t.Errorf("RSS peak grew by %d bytes, want about %d", grown, size)
	}
	if grown := peak.PSSPeak - before.PSSPeak; grown < size-slack {
		t.Errorf("PSS peak grew by %d bytes, want about %d", grown, size)
	}
	if forgot := peak.RSSPeak - after.RSSPeak; forgot < size-slack {
		t.Errorf("reset lowered the RSS peak by %d bytes, want about %d", forgot, size)
	}
	if peak.PSSPeak > peak.RSSPeak {
		t.Errorf("PSS peak %d above RSS peak %d", peak.PSSPeak, peak.RSSPeak)
	}
}

func TestAvailableMemory(t *testing.T) {
	available, err := AvailableMemory()
	if err != nil {
		t.Fatal(err)
	}
	if total := ReadEnvironment().MemoryTotal; available <= 0 || available > total {
		t.Errorf("%d bytes available of %d", available, total)
	}
}

func read(t *testing.T) Memory {
	t.Helper()
	memory, err := SelfMemory()
	if err != nil {
		t.Fatal(err)
	}
	return memory
}
