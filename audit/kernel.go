package audit

import (
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/prometheus/procfs"
)

// The object is the same on all little-endian processors: it is adapted to the running kernel by that kernel's types.
// `make ebpf` builds it.
//
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -output-stem counts -output-dir=$EBPF_OUT -type event -type variant -type place -type look kernel counts.c -- -Wall -Wextra -Werror

// counter makes the kernel count what processes do.
type counter struct {
	*ebpf.Collection
	links []link.Link
	// own are the offsets of the functions of this program, which shims run, in its file.
	own  map[string]uint64
	sums map[kernelKey]kernelSum
	// participants are the shims and all other processes that did something, by process number.
	participants map[uint32]participant
	// copies and faults name what counted these. A text that begins with "not counted" is the reason why they were not.
	copies, faults string
}

type participant struct {
	// family is the number that follow got for the shim which started the process.
	family uint32
	shim   bool
	name   string
}

// Remedy is what the user can do to make counting possible.
const Remedy = "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, on a kernel with BTF"

// Check returns nil where an audit can count, else the reason why not.
func Check() error {
	c, err := newCounter()
	if err == nil {
		c.close()
	}
	return err
}

// newCounter loads the programs into the kernel, and attaches those for tracepoints.
func newCounter() (_ *counter, err error) {
	// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK.
	_ = rlimit.RemoveMemlock()
	spec, err := loadKernel()
	if err != nil {
		return nil, err
	}
	c := &counter{
		sums: make(map[kernelKey]kernelSum), participants: make(map[uint32]participant),
		faults: "tracepoints page_fault_user, page_fault_kernel",
	}
	if c.own, err = ownFunctions(); err != nil {
		return nil, err
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	if _, err := kernel.AnyTypeByName("btf_trace_page_fault_user"); err != nil {
		delete(spec.Programs, kernelProgFaultUser)
		delete(spec.Programs, kernelProgFaultKernel)
		c.faults = "not counted: the kernel has no tracepoints page_fault_user, page_fault_kernel"
	}
	c.Collection, err = ebpf.NewCollection(spec)
	if errors.Is(err, fs.ErrPermission) {
		return nil, errors.New("the kernel does not let this user load eBPF programs")
	}
	if err != nil {
		return nil, err
	}
	for number, known := range moving {
		if err := c.Maps[kernelMapCalls].Put(number, kernelCall{Bytes: known.bytes, Flags: known.flags.at, Mask: known.mask, Look: known.look}); err != nil {
			c.close()
			return nil, fmt.Errorf("put %s: %w", known.name, err)
		}
	}
	for name, program := range c.Programs {
		if program.Type() != ebpf.Tracing {
			continue
		}
		attached, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			c.close()
			return nil, fmt.Errorf("tracepoint %s: %w", spec.Programs[name].AttachTo, err)
		}
		c.links = append(c.links, attached)
	}
	return c, nil
}

func (c *counter) follow(pid int, family uint32) error {
	c.participants[uint32(pid)] = participant{family: family, shim: true}
	return c.Maps[kernelMapParticipants].Put(uint32(pid), family)
}

// arm puts the uprobes into every process that lives, after the warm-up. Those in the source mark the rounds.
func (c *counter) arm(source int) error {
	var pid, family uint32
	found := make(map[string]bool)
	var missed []string
	for each := c.Maps[kernelMapParticipants].Iterate(); each.Next(&pid, &family); {
		names, err := c.watch(int(pid))
		if errors.Is(err, fs.ErrNotExist) { // the process has ended
			continue
		}
		if err != nil {
			return fmt.Errorf("watch process %d: %w", pid, err)
		}
		for _, name := range names {
			found[name] = true
		}
		if len(names) == 0 {
			missed = append(missed, programName(pid))
		}
	}
	c.copies = "uprobes: " + strings.Join(slices.Sorted(maps.Keys(found)), ", ")
	if len(missed) > 0 {
		c.copies += "; not in " + strings.Join(missed, ", ")
	}
	shim, err := link.OpenExecutable(processFile(source, "exe"))
	if err != nil {
		return err
	}
	for symbol, program := range map[string]string{"rrbench/shim.(*watched).enter": kernelProgEnterStep, "rrbench/shim.(*watched).leave": kernelProgLeaveStep} {
		if err := c.probe(shim, source, symbol, c.own[symbol], program); err != nil {
			return fmt.Errorf("that mark hand-offs: %w", err)
		}
	}
	return nil
}

// watch puts uprobes at the copying functions of a process and returns the names of what provides them.
func (c *counter) watch(pid int) (names []string, err error) {
	path := processFile(pid, "exe")
	executable, err := link.OpenExecutable(path)
	if err != nil {
		return nil, err
	}
	type function struct {
		name, symbol string
		offset       uint64
		program      string
	}
	const memmove, libc = "runtime.memmove", "libc's memcpy and memmove"
	functions := []function{{"Go's memmove", memmove, 0, kernelProgCopyGo}}
	if runsThisProgram(pid) {
		functions = []function{
			{"Go's memmove", memmove, c.own[memmove], kernelProgCopyGo},
			{"memory", "", c.own["rrbench/memory.copyGroups"], kernelProgCopyBulk},
			{"memory", "", c.own["rrbench/memory.copyLines"], kernelProgCopyBulk},
		}
	}
	linked, err := linkedCopies(path)
	if err != nil {
		return nil, err
	}
	for _, symbol := range linked {
		functions = append(functions, function{libc, symbol, 0, kernelProgCopyLibc})
	}
	for _, f := range functions {
		err := c.probe(executable, pid, f.symbol, f.offset, f.program)
		if errors.Is(err, link.ErrNoSymbol) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names = append(names, f.name)
	}
	places, err := libcCopies(pid)
	if err != nil {
		return nil, err
	}
	for p := range places {
		library, err := link.OpenExecutable(p.path)
		if err != nil {
			return nil, err
		}
		if err := c.probe(library, pid, "", p.offset, kernelProgCopyLibc); err != nil {
			return nil, err
		}
		names = append(names, libc)
	}
	return names, nil
}

// probe attaches a program to where a process enters a function, given by its offset or, where that is 0, by its symbol.
func (c *counter) probe(file *link.Executable, pid int, symbol string, offset uint64, program string) error {
	attached, err := file.Uprobe(symbol, c.Programs[program], &link.UprobeOptions{Address: offset, PID: pid})
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	c.links = append(c.links, attached)
	return nil
}

// read reads the sums. The kernel must have seen as many hand-offs as were asked for.
func (c *counter) read(rounds int) error {
	var seen uint64
	if err := errors.Join(c.Variables[kernelVarHandoffs].Get(&seen), c.Variables[kernelVarNow].Set(kernelPhaseOff)); err != nil {
		return err
	}
	if seen != uint64(rounds) {
		return fmt.Errorf("the kernel counted %d hand-offs instead of %d: does this program run in a PID namespace of its own? Run it in the first", seen, rounds)
	}
	var k kernelKey
	var v kernelSum
	each := c.Maps[kernelMapSums].Iterate()
	for each.Next(&k, &v) {
		if k.Event == kernelEventKernelPages || k.Event == kernelEventUserPages {
			v.Bytes *= uint64(os.Getpagesize())
		}
		c.sums[k] = v
		if _, known := c.participants[k.Process]; known {
			continue
		}
		p := participant{name: programName(k.Process)}
		if err := c.Maps[kernelMapParticipants].Lookup(k.Process, &p.family); err != nil {
			return err
		}
		c.participants[k.Process] = p
	}
	return each.Err()
}

func programName(pid uint32) string {
	if process, err := procfs.NewProc(int(pid)); err == nil {
		if name, err := process.Comm(); err == nil {
			return name
		}
	}
	return "ended"
}

// close detaches and unloads everything. The kernel does the same when this process ends, since descriptors hold the programs.
func (c *counter) close() {
	// Each waits until no processor runs its program any more; together they wait once.
	var closing sync.WaitGroup
	for _, l := range c.links {
		closing.Go(func() { _ = l.Close() })
	}
	closing.Wait()
	c.Collection.Close()
}

// ownFunctions returns the offsets of this program's functions in its file. It reads the table
// that the Go runtime itself needs, which programs without symbols, such as tests, have too.
// The addresses in the table are relative to the beginning of Go's code, which the address of one function
// reveals: a breakpoint at a wrong address would break the program.
func ownFunctions() (map[string]uint64, error) {
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	section := file.Section(".gopclntab")
	if section == nil {
		return nil, errors.New("this program has no section .gopclntab")
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, 0))
	if err != nil {
		return nil, err
	}
	self, err := procfs.Self()
	if err != nil {
		return nil, err
	}
	mappings, err := self.ProcMaps()
	if err != nil {
		return nil, err
	}
	pc := reflect.ValueOf(Run).Pointer()
	known := table.LookupFunc(runtime.FuncForPC(pc).Name())
	offsets := make(map[string]uint64)
	for _, m := range mappings {
		if known == nil || pc < m.StartAddr || pc >= m.EndAddr {
			continue
		}
		for _, f := range table.Funcs {
			offsets[f.Name] = f.Entry - known.Entry + uint64(pc-m.StartAddr) + uint64(m.Offset)
		}
	}
	return offsets, nil
}

// runsThisProgram reports whether a process runs the same file as this one.
func runsThisProgram(pid int) bool {
	own, err := os.Stat("/proc/self/exe")
	its, err2 := os.Stat(processFile(pid, "exe"))
	return err == nil && err2 == nil && os.SameFile(own, its)
}
