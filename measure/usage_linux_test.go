package measure

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUsageArithmetic(t *testing.T) {
	a := Usage{UserNs: 1, KernelNs: 2, MinorFaults: 3, ContextSwitches: 4}
	b := Usage{UserNs: 10, KernelNs: 20, MinorFaults: 30, ContextSwitches: 40}
	if got, want := a.Add(b), (Usage{11, 22, 33, 44}); got != want {
		t.Errorf("Add = %+v, want %+v", got, want)
	}
	if got := a.Add(b).Sub(b); got != a {
		t.Errorf("Sub = %+v, want %+v", got, a)
	}
	if got := b.CPU(); got != 30 {
		t.Errorf("CPU = %d, want 30", got)
	}
}

func TestSelfUsageCountsFaults(t *testing.T) {
	const pages = 1000
	before := SelfUsage()
	memory := touch(t, pages*unix.Getpagesize())
	after := SelfUsage()
	if err := unix.Munmap(memory); err != nil {
		t.Fatal(err)
	}
	if got := after.Sub(before).MinorFaults; got < pages {
		t.Errorf("touching %d fresh pages counted %d faults", pages, got)
	}
	if after.CPU() <= before.CPU() {
		t.Errorf("CPU time went from %d to %d ns", before.CPU(), after.CPU())
	}
}

// What concurrent takers get adds up to what the process used.
func TestTakeUsageLosesNothing(t *testing.T) {
	start := process.last
	var (
		mutex sync.Mutex
		total Usage
		group sync.WaitGroup
	)
	for range 4 {
		group.Go(func() {
			for range 200 {
				taken := TakeUsage()
				mutex.Lock()
				total = total.Add(taken)
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	if want := process.last.Sub(start); total != want {
		t.Errorf("pieces add up to %+v, want %+v", total, want)
	}
}

func TestTakeUsageAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { TakeUsage() }); n != 0 {
		t.Errorf("TakeUsage allocates %v times a call", n)
	}
}

func TestSoftIRQ(t *testing.T) {
	first := SoftIRQ()
	if first <= 0 {
		t.Errorf("SoftIRQ = %d on a machine that is running", first)
	}
	if second := SoftIRQ(); second < first {
		t.Errorf("SoftIRQ went from %d back to %d", first, second)
	}
}

// touch maps size bytes of small pages and writes to each of them.
func touch(t *testing.T, size int) []byte {
	t.Helper()
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Madvise(memory, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL {
		t.Fatal(err)
	}
	for i := 0; i < size; i += unix.Getpagesize() {
		memory[i] = 1
	}
	return memory
}

func BenchmarkSelfUsage(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		SelfUsage()
	}
}
