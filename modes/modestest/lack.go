package modestest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// InChild runs the rest of a test in a process of its own, which it returns true in.
func InChild(t *testing.T, attributes *syscall.SysProcAttr) bool {
	t.Helper()
	const child = "RRBENCH_TEST_CHILD"
	if os.Getenv(child) == t.Name() {
		return true
	}
	command := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), child+"="+t.Name())
	command.SysProcAttr = attributes
	if output, err := command.CombinedOutput(); err != nil || !bytes.Contains(output, []byte("--- PASS")) {
		t.Errorf("%v:\n%s", err, output)
	}
	return false
}

// TakeMappings makes as many mappings as the kernel lets this process but some, which the Go runtime may need
// for threads.
func TakeMappings(t *testing.T) (release func()) {
	t.Helper()
	const most = 1 << 20
	area, err := unix.Mmap(-1, 0, most*os.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	page := func(i int) []byte { return area[i*os.Getpagesize():][:os.Getpagesize()] }
	taken := 1
	for ; unix.Mprotect(page(taken), unix.PROT_READ) == nil; taken += 2 {
		if taken+2 >= most {
			t.Fatal("the kernel does not limit mappings")
		}
	}
	for range 2 {
		taken -= 2
		if err := unix.Mprotect(page(taken), unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := unix.Munmap(area); err != nil {
			t.Error(err)
		}
	}
}

// LimitAddressSpace lets this process map so many bytes more than it has mapped, and no more (RLIMIT_AS,
// setrlimit(2)).
func LimitAddressSpace(t *testing.T, left uint64) (restore func()) {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var pages uint64
	if _, err := fmt.Sscan(string(statm), &pages); err != nil {
		t.Fatal(err)
	}
	return limit(t, unix.RLIMIT_AS, pages*uint64(os.Getpagesize())+left)
}

// WithoutDescriptors lets this process open no more files while something runs.
func WithoutDescriptors(t *testing.T, run func()) {
	t.Helper()
	runtime.GC() // finalizers would close files
	defer limit(t, unix.RLIMIT_NOFILE, 3)()
	run()
}

func limit(t *testing.T, resource int, most uint64) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(resource, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit unix.Rlimit) {
		if err := unix.Setrlimit(resource, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(unix.Rlimit{Cur: min(most, before.Max), Max: before.Max})
	return func() { set(before) }
}
