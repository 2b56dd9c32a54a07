package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of times in /proc, ticks a second, on every architecture that Go
// runs on; see proc(5) and sysconf(3).
const userHZ = 100

// ProcessMeter hands out the usage of another process of this host, a server for example,
// piece by piece, as TakeUsage does that of this one. Its files stay open and are read in
// place: metering must cost little beside what is metered.
type ProcessMeter struct {
	pid   int
	clock int32

	mutex sync.Mutex
	last  Usage
	stat  *os.File
	// threads are the schedstat files of the threads that there were last.
	threads []*os.File
	buffer  [4096]byte
}

// NewProcessMeter starts metering the process of that id now. The caller closes the meter.
func NewProcessMeter(pid int) (*ProcessMeter, error) {
	// The id of a process' CPU clock, as clock_getcpuclockid(3) makes it: the complement of the process id, and
	// the scheduler's clock in the lowest bits.
	m := &ProcessMeter{pid: pid, clock: ^int32(pid)<<3 | 2}
	var err error
	if m.stat, err = os.Open(fmt.Sprintf("/proc/%d/stat", pid)); err != nil {
		return nil, fmt.Errorf("meter process %d: %w", pid, err)
	}
	if _, err := m.Take(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close closes the meter's files.
func (m *ProcessMeter) Close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	errs := []error{m.stat.Close()}
	for _, thread := range m.threads {
		errs = append(errs, thread.Close())
	}
	m.threads = nil
	return errors.Join(errs...)
}

// Memory reads the process' memory peaks, as ProcessMemory does.
func (m *ProcessMeter) Memory() (Memory, error) { return ProcessMemory(m.pid) }

// Take returns what the process used since the last Take, or since NewProcessMeter, all
// its threads together. CPU time is exact to the nanosecond; how it splits into user and
// kernel is known in ticks of 10 ms only, and no piece is negative. Context switches are
// how often the threads that live were put on a CPU. It takes some microseconds,
// allocates nothing, and is safe for concurrent use.
func (m *ProcessMeter) Take() (Usage, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	taken, err := m.take()
	if err != nil {
		return Usage{}, fmt.Errorf("meter process %d: %w (has it ended?)", m.pid, err)
	}
	return taken, nil
}

func (m *ProcessMeter) take() (Usage, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(m.clock, &ts); err != nil {
		return Usage{}, fmt.Errorf("read its CPU clock: %w", err)
	}
	text, err := m.read(m.stat)
	if err != nil {
		return Usage{}, err
	}
	stat, err := parseProcessStat(text)
	if err != nil {
		return Usage{}, err
	}
	if int(stat.threads) != len(m.threads) {
		if err := m.openThreads(); err != nil {
			return Usage{}, err
		}
	}
	now := Usage{MinorFaults: stat.minorFaults}
	for _, thread := range m.threads {
		// A thread that has ended since takes its count with it.
		if text, err := m.read(thread); err == nil {
			now.ContextSwitches += parseTimeslices(text)
		}
	}
	// The user time's ticks come late or early: what does not fit goes into a later piece.
	total := ts.Nano()
	piece := total - m.last.CPU()
	user := stat.userTicks * (int64(time.Second) / userHZ)
	now.UserNs = m.last.UserNs + min(max(user-m.last.UserNs, 0), piece)
	now.KernelNs = total - now.UserNs
	taken := now.Sub(m.last)
	taken.ContextSwitches = max(taken.ContextSwitches, 0)
	m.last = now
	return taken, nil
}

// read reads a small file of /proc anew, into the meter's buffer.
func (m *ProcessMeter) read(file *os.File) ([]byte, error) {
	n, err := file.ReadAt(m.buffer[:], 0)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return m.buffer[:n], err
}

func (m *ProcessMeter) openThreads() error {
	for _, thread := range m.threads {
		_ = thread.Close()
	}
	m.threads = m.threads[:0]
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", m.pid))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if file, err := os.Open(path); err == nil {
			m.threads = append(m.threads, file)
		}
	}
	return nil
}

// processStat is what is needed of proc_pid_stat(5).
type processStat struct{ minorFaults, userTicks, threads int64 }

// parseProcessStat finds fields 10, 14 and 20. The second field, the program's name in
// parentheses, may contain anything.
func parseProcessStat(text []byte) (stat processStat, err error) {
	rest, _, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte("\n"))
	field := 2
	for value := range bytes.FieldsSeq(rest) {
		var to *int64
		switch field++; field {
		case 10:
			to = &stat.minorFaults
		case 14:
			to = &stat.userTicks
		case 20:
			to = &stat.threads
		default:
			continue
		}
		if *to, err = strconv.ParseInt(string(value), 10, 64); err != nil || *to < 0 {
			return processStat{}, fmt.Errorf("field %d of its stat is %.20q", field, value)
		}
		if field == 20 {
			return stat, nil
		}
	}
	return processStat{}, fmt.Errorf("its stat has %d fields, not 20", field)
}

// parseTimeslices returns the third number of a task's schedstat: how often it was put on a
// CPU, which is once for every switch away from it. What cannot be read counts nothing.
// See https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
func parseTimeslices(text []byte) int64 {
	text = bytes.TrimSuffix(text, []byte("\n"))
	if bytes.Count(text, []byte(" ")) != 2 {
		return 0
	}
	value, err := strconv.ParseInt(string(text[bytes.LastIndexByte(text, ' ')+1:]), 10, 64)
	if err != nil {
		return 0
	}
	return max(value, 0)
}
