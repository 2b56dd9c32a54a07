package audit

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
)

// kernelCounter counts by eBPF programs.
type kernelCounter struct {
	shared
	programs []*ebpf.Program
	links    []link.Link
	how      sources
	// copying are the programs at uprobes, by what they count.
	copying map[what]*ebpf.Program
	enter   *ebpf.Program
	leave   *ebpf.Program
	// missed are functions that were not found in a program that takes part.
	missed []string
}

var _ counter = (*kernelCounter)(nil)

// Names of the functions that are watched in Go programs.
const (
	goMemmove = "runtime.memmove"
	// bulkGroups is in assembly, and there is no other way to call it. Symbol tables tell
	// its calling convention behind its name.
	bulkGroups     = "rrbench/transport/bulk.copyGroups"
	bulkGroupsABI0 = bulkGroups + ".abi0"
	enterStep      = "rrbench/shim.(*watched).enter"
	leaveStep      = "rrbench/shim.(*watched).leave"
)

// bulkGroup is how many bytes copyGroups copies for each of its groups.
const bulkGroup = 16 << 10

// license is what these programs are under as far as the kernel asks: bpf_probe_read_user
// is for compatible ones only, see Documentation/bpf/bpf_licensing.rst.
const license = "Dual MIT/GPL"

// tracePrefix names the events that kernels without a uprobe PMU keep in a file, so that
// they are known to be ours.
const tracePrefix = "rrbench_"

func newKernelCounter() (_ *kernelCounter, err error) {
	if !registers.supported {
		return nil, errors.New("this processor's registers are not known")
	}
	// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK.
	_ = rlimit.RemoveMemlock()
	c := &kernelCounter{copying: make(map[what]*ebpf.Program)}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.shared, err = newMaps(); err != nil {
		return nil, fmt.Errorf("make eBPF maps: %w", err)
	}
	tgid, err := offsetOfThreadGroup()
	if err != nil {
		return nil, err
	}
	for event, code := range map[string]asm.Instructions{
		"task_newtask": c.shared.follow(tgid),
		"sys_enter":    c.enterCall(),
		"sys_exit":     c.leaveCall(),
	} {
		if err := c.trace(event, code); err != nil {
			return nil, err
		}
	}
	c.how.calls = "tracepoints sys_enter, sys_exit: results and arguments of every call"
	c.how.completions = "SO_EE_CODE_ZEROCOPY_COPIED in what recvmsg read from the error queue"
	c.how.switches = orNot("tracepoint sched_switch", c.trace("sched_switch", c.switchTask()))
	c.how.pages = orNot("tracepoint mm_page_alloc", c.trace("mm_page_alloc", c.allocatePages(int32(os.Getpagesize()))))
	c.how.faults = orNot("tracepoints page_fault_user, page_fault_kernel", errors.Join(
		c.trace("page_fault_user", c.fault(userFault)),
		c.trace("page_fault_kernel", c.fault(kernelFault))))
	for w, code := range map[what]asm.Instructions{
		goCopy:   c.copied(goCopy, registers.goThird),
		bulkCopy: c.copiedGroups(),
		libcCopy: c.copied(libcCopy, registers.cThird),
	} {
		if c.copying[w], err = c.load(ebpf.Kprobe, "", code); err != nil {
			return nil, err
		}
	}
	if c.enter, err = c.load(ebpf.Kprobe, "", c.shared.enterStep()); err != nil {
		return nil, err
	}
	if c.leave, err = c.load(ebpf.Kprobe, "", c.shared.leaveStep()); err != nil {
		return nil, err
	}
	return c, nil
}

func orNot(how string, err error) string {
	if err != nil {
		return notCounted("%v", err)
	}
	return how
}

// offsetOfThreadGroup is where task_struct has the number of the process.
func offsetOfThreadGroup() (int16, error) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return 0, fmt.Errorf("read the kernel's types: %w", err)
	}
	var task *btf.Struct
	if err := kernel.TypeByName("task_struct", &task); err != nil {
		return 0, fmt.Errorf("read the kernel's types: %w", err)
	}
	for _, member := range task.Members {
		if member.Name == "tgid" {
			return int16(member.Offset.Bytes()), nil
		}
	}
	return 0, errors.New("the kernel's task_struct has no tgid")
}

// load has the kernel check and compile a program; at a tracepoint when event is not empty.
func (c *kernelCounter) load(kind ebpf.ProgramType, event string, code asm.Instructions) (*ebpf.Program, error) {
	spec := &ebpf.ProgramSpec{Name: "rrbench_audit", Type: kind, License: license, Instructions: code}
	if event != "" {
		spec.AttachType, spec.AttachTo = ebpf.AttachTraceRawTp, event
	}
	program, err := ebpf.NewProgram(spec)
	if err != nil {
		return nil, fmt.Errorf("load a program for %s: %w", event, err)
	}
	c.programs = append(c.programs, program)
	return program, nil
}

func (c *kernelCounter) trace(event string, code asm.Instructions) error {
	program, err := c.load(ebpf.Tracing, event, code)
	if err != nil {
		return err
	}
	attached, err := link.AttachTracing(link.TracingOptions{Program: program})
	if err != nil {
		return fmt.Errorf("tracepoint %s: %w", event, err)
	}
	c.links = append(c.links, attached)
	return nil
}

func (c *kernelCounter) follow(pid int, family uint32) error {
	return c.participants.Put(uint32(pid), family)
}

func (c *kernelCounter) windowed() bool { return true }

// arm puts the uprobes into every process that takes part and lives.
func (c *kernelCounter) arm(source int) error {
	var pid, family uint32
	var alive []int
	for each := c.participants.Iterate(); each.Next(&pid, &family); {
		if _, err := os.Stat(processFile(int(pid), "exe")); err == nil {
			alive = append(alive, int(pid))
		}
	}
	slices.Sort(alive)
	watched := make(map[what]bool)
	for _, pid := range alive {
		if err := c.watch(pid, watched); err != nil {
			return fmt.Errorf("watch process %d: %w", pid, err)
		}
	}
	if err := c.mark(source); err != nil {
		return err
	}
	var names []string
	for _, w := range []struct {
		what
		name string
	}{{goCopy, "Go's memmove"}, {bulkCopy, "transport/bulk"}, {libcCopy, "libc's memcpy and memmove"}} {
		if watched[w.what] {
			names = append(names, w.name)
		}
	}
	c.how.userCopies = "uprobes: " + strings.Join(names, ", ")
	if len(c.missed) > 0 {
		c.how.userCopies += "; not in " + strings.Join(c.missed, ", ")
	}
	c.how.window = "uprobes where the source's shim begins and ends to send"
	return nil
}

// watch puts uprobes at the copying functions of a process.
func (c *kernelCounter) watch(pid int, watched map[what]bool) error {
	text, err := os.ReadFile(processFile(pid, "maps"))
	if err != nil || len(text) == 0 {
		// It has just ended, or it is a kernel thread.
		return nil
	}
	mappings, err := parseMappings(string(text))
	if err != nil {
		return err
	}
	executable := processFile(pid, "exe")
	file, err := elf.Open(executable)
	if err != nil {
		return err
	}
	defer file.Close()
	found := false
	if isGo := file.Section(".gopclntab") != nil; isGo {
		at := goFunctions(file, anchorOf(pid, file), goMemmove, bulkGroups, bulkGroupsABI0)
		for name, w := range map[string]what{goMemmove: goCopy, bulkGroups: bulkCopy, bulkGroupsABI0: bulkCopy} {
			offset, has := at[name]
			if !has {
				continue
			}
			if err := c.probe(c.copying[w], pid, place{executable, offset}); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			watched[w], found = true, true
		}
	}
	places, err := libcCopies(pid, mappings)
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := c.probe(c.copying[libcCopy], pid, p); err != nil {
			return fmt.Errorf("libc: %w", err)
		}
		watched[libcCopy], found = true, true
	}
	if !found {
		c.missed = append(c.missed, programName(uint32(pid)))
	}
	return nil
}

// mark puts uprobes at the functions that tell the rounds.
func (c *kernelCounter) mark(source int) error {
	executable := processFile(source, "exe")
	file, err := elf.Open(executable)
	if err != nil {
		return err
	}
	defer file.Close()
	at := goFunctions(file, anchorOf(source, file), enterStep, leaveStep)
	for name, program := range map[string]*ebpf.Program{enterStep: c.enter, leaveStep: c.leave} {
		offset, has := at[name]
		if !has {
			return fmt.Errorf("the shim's program has no function %s, by which hand-offs are told", name)
		}
		if err := c.probe(program, source, place{executable, offset}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (c *kernelCounter) probe(program *ebpf.Program, pid int, at place) error {
	executable, err := link.OpenExecutable(at.path)
	if err != nil {
		return err
	}
	attached, err := executable.Uprobe("", program, &link.UprobeOptions{Address: at.offset, PID: pid, TraceFSPrefix: tracePrefix})
	if err != nil {
		return err
	}
	c.links = append(c.links, attached)
	return nil
}

// read takes the sums. The hand-offs that the kernel has seen must be those that were
// asked for.
func (c *kernelCounter) read(rounds int) (*counts, error) {
	var seen uint64
	if err := c.state.Lookup(uint32(handoffsIndex), &seen); err != nil {
		return nil, fmt.Errorf("read the counts: %w", err)
	}
	if err := c.state.Put(uint32(phaseIndex), uint64(unarmed)); err != nil {
		return nil, fmt.Errorf("read the counts: %w", err)
	}
	if seen != uint64(rounds) {
		return nil, fmt.Errorf("the kernel counted %d hand-offs instead of %d: does this program run in a PID namespace of its own? Run it in the first", seen, rounds)
	}
	found := &counts{sums: make(map[key]value), participants: make(map[uint32]participant), how: c.how}
	var k key
	var v value
	each := c.counts.Iterate()
	for each.Next(&k, &v) {
		found.sums[k] = v
		if _, known := found.participants[k.PID]; known {
			continue
		}
		p := participant{name: programName(k.PID)}
		if err := c.participants.Lookup(k.PID, &p.family); err != nil {
			return nil, fmt.Errorf("read the counts: %w", err)
		}
		found.participants[k.PID] = p
	}
	if err := each.Err(); err != nil {
		return nil, fmt.Errorf("read the counts: %w", err)
	}
	return found, nil
}

// programName is what the kernel calls a process; one that has ended has no name.
func programName(pid uint32) string {
	text, err := os.ReadFile(processFile(int(pid), "comm"))
	if err != nil {
		return "ended"
	}
	return strings.TrimSpace(string(text))
}

func (c *kernelCounter) close() {
	// Each waits until no processor runs its program any more: better all at once.
	var closing sync.WaitGroup
	for _, l := range c.links {
		closing.Go(func() { _ = l.Close() })
	}
	closing.Wait()
	for _, p := range c.programs {
		_ = p.Close()
	}
	c.shared.close()
}
