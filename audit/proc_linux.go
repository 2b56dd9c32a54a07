package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// procCounter counts by the files of proc(5), as any user may for his own processes. It
// knows no moments: everything that the processes do in the batch counts.
type procCounter struct {
	families map[int]uint32
	before   map[int]reading
	names    map[int]string
}

var _ counter = (*procCounter)(nil)

// reading is what proc tells of a process.
type reading struct {
	io               ioCounters
	faults, switches uint64
}

func newProcCounter() *procCounter { return &procCounter{families: make(map[int]uint32)} }

func (c *procCounter) windowed() bool { return false }

func (c *procCounter) follow(pid int, family uint32) error {
	c.families[pid] = family
	return nil
}

// arm finds the shims' descendants and reads everybody's counters.
func (c *procCounter) arm(int) error {
	parents, err := parentsOfAll()
	if err != nil {
		return err
	}
	for pid := range parents {
		for ancestor, steps := pid, 0; ancestor > 1 && steps < 64; ancestor, steps = parents[ancestor], steps+1 {
			if family, takesPart := c.families[ancestor]; takesPart {
				c.families[pid] = family
				break
			}
		}
	}
	c.before, c.names = make(map[int]reading), make(map[int]string)
	for pid := range c.families {
		r, err := read(pid)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		c.before[pid], c.names[pid] = r, programName(uint32(pid))
	}
	return nil
}

func (c *procCounter) read(int) (*counts, error) {
	found := &counts{sums: make(map[key]value), participants: make(map[uint32]participant), how: sources{
		userCopies:  notCounted("needs uprobes"),
		calls:       "proc_pid_io(5): read(2), write(2) and their variants; not what sockets send and receive by calls of their own",
		completions: notCounted("needs tracepoints"),
		pages:       notCounted("needs tracepoints"),
		faults:      "proc_pid_stat(5), minflt and majflt",
		switches:    "proc_pid_status(5), of every thread",
		window:      "all that the processes did in a batch, with preparing payloads and reporting",
	}}
	for pid, before := range c.before {
		now, err := read(pid)
		if err != nil {
			// It has ended; what it did is not known any more.
			continue
		}
		id := uint32(pid)
		found.participants[id] = participant{family: c.families[pid], name: c.names[pid]}
		for w, v := range map[what]value{
			readCalls:  {Count: now.io.readCalls - before.io.readCalls, Bytes: now.io.read - before.io.read},
			writeCalls: {Count: now.io.writeCalls - before.io.writeCalls, Bytes: now.io.written - before.io.written},
			userFault:  {Count: now.faults - before.faults},
			taskSwitch: {Count: now.switches - min(before.switches, now.switches)},
		} {
			found.sums[key{PID: id, What: w, Phase: handingOver}] = v
		}
	}
	return found, nil
}

func (c *procCounter) close() {}

func read(pid int) (reading, error) {
	var r reading
	text, err := os.ReadFile(processFile(pid, "io"))
	if err != nil {
		return r, err
	}
	if r.io, err = parseIO(text); err != nil {
		return r, err
	}
	if text, err = os.ReadFile(processFile(pid, "stat")); err != nil {
		return r, err
	}
	stat, err := parseStat(text)
	if err != nil {
		return r, err
	}
	r.faults = stat.faults
	threads, err := filepath.Glob(processFile(pid, "task/*/status"))
	if err != nil {
		return r, err
	}
	for _, thread := range threads {
		if text, err := os.ReadFile(thread); err == nil {
			r.switches += parseSwitches(text)
		}
	}
	return r, nil
}

// parentsOfAll are the parents of all processes.
func parentsOfAll() (map[int]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	parents := make(map[int]int)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(processFile(pid, "stat"))
		if err != nil {
			continue
		}
		if stat, err := parseStat(text); err == nil {
			parents[pid] = stat.parent
		}
	}
	return parents, nil
}

// ioCounters are of proc_pid_io(5).
type ioCounters struct{ read, written, readCalls, writeCalls uint64 }

func parseIO(text []byte) (ioCounters, error) {
	var c ioCounters
	fields := map[string]*uint64{"rchar": &c.read, "wchar": &c.written, "syscr": &c.readCalls, "syscw": &c.writeCalls}
	for line := range strings.Lines(string(text)) {
		name, number, _ := strings.Cut(line, ":")
		into := fields[name]
		if into == nil {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		if err != nil {
			return c, fmt.Errorf("counters of a process: %s: %w", name, err)
		}
		*into = n
		delete(fields, name)
	}
	if len(fields) > 0 {
		return c, errors.New("counters of a process: rchar, wchar, syscr or syscw is missing")
	}
	return c, nil
}

// statCounters are of proc_pid_stat(5).
type statCounters struct {
	parent int
	faults uint64
}

func parseStat(text []byte) (statCounters, error) {
	// The name, in parentheses, may contain anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 10 {
		return statCounters{}, errors.New("state of a process: too few columns")
	}
	parent, err := strconv.Atoi(string(fields[1]))
	minor, err2 := strconv.ParseUint(string(fields[7]), 10, 64)
	major, err3 := strconv.ParseUint(string(fields[9]), 10, 64)
	if err := errors.Join(err, err2, err3); err != nil {
		return statCounters{}, fmt.Errorf("state of a process: %w", err)
	}
	return statCounters{parent, minor + major}, nil
}

// parseSwitches sums up a thread's context switches; what is not there is 0.
func parseSwitches(text []byte) uint64 {
	var sum uint64
	for line := range strings.Lines(string(text)) {
		name, number, _ := strings.Cut(line, ":")
		if strings.HasSuffix(name, "voluntary_ctxt_switches") {
			n, _ := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
			sum += n
		}
	}
	return sum
}
