package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/containerd/cgroups/v3"

	"rrbench/measure"
)

// meter reads the CPU time of a control group piece by piece. It keeps the counters' files
// open: reading them costs the reader, who is a participant too, a few microseconds then
// instead of thirty. A nil meter reads nothing.
type meter struct {
	group cgroup
	// stat has user and kernel time; total is nil where stat is exact.
	stat, total *os.File
	text        [1 << 10]byte
	last        measure.Usage
}

// newMeter begins to count what the group uses from now on.
func newMeter(group cgroup) (*meter, error) {
	m := &meter{group: group}
	if err := m.open(); err != nil {
		m.close()
		return nil, group.unreadable(err)
	}
	if _, err := m.take(); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// open finds the counters: cpu.stat in a unified tree, which a hybrid host has too, though
// no controller is in it; else those of version 1.
func (m *meter) open() (err error) {
	switch m.group.mode {
	case cgroups.Unified:
		m.stat, err = os.Open(filepath.Join(cgroupRoot, m.group.path, "cpu.stat"))
		return err
	case cgroups.Hybrid:
		m.stat, err = os.Open(filepath.Join(cgroupRoot, "unified", m.group.path, "cpu.stat"))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	directory := filepath.Join(cgroupRoot, "cpuacct", m.group.path)
	if m.stat, err = os.Open(filepath.Join(directory, "cpuacct.stat")); err != nil {
		return err
	}
	m.total, err = os.Open(filepath.Join(directory, "cpuacct.usage"))
	return err
}

// take returns the user and kernel time that the group has used since the last take;
// faults and switches stay zero.
func (m *meter) take() (measure.Usage, error) {
	if m == nil {
		return measure.Usage{}, nil
	}
	now, err := m.read()
	if err != nil {
		return measure.Usage{}, m.group.unreadable(err)
	}
	now = forward(m.last, now)
	used := now.Sub(m.last)
	m.last = now
	return used, nil
}

// forward keeps either time from running backwards where their split is an estimate.
func forward(last, now measure.Usage) measure.Usage {
	total := now.CPU()
	now.KernelNs = max(now.KernelNs, last.KernelNs)
	now.UserNs = max(total-now.KernelNs, last.UserNs)
	now.KernelNs = max(total-now.UserNs, last.KernelNs)
	return now
}

// correct puts the group's CPU time in place of what the function has counted itself. Where
// there is no group to read, the function's own figures stand.
func (m *meter) correct(usage *measure.Usage) {
	if m == nil {
		return
	}
	if used, err := m.take(); err == nil {
		usage.UserNs, usage.KernelNs = used.UserNs, used.KernelNs
	}
}

func (m *meter) read() (measure.Usage, error) {
	if m.total == nil {
		text, err := m.content(m.stat)
		if err != nil {
			return measure.Usage{}, err
		}
		user, errUser := field(text, "user_usec")
		kernel, errKernel := field(text, "system_usec")
		const microsecond = int64(time.Microsecond)
		return measure.Usage{UserNs: user * microsecond, KernelNs: kernel * microsecond}, errors.Join(errUser, errKernel)
	}
	text, err := m.content(m.total)
	if err != nil {
		return measure.Usage{}, err
	}
	total, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return measure.Usage{}, err
	}
	if text, err = m.content(m.stat); err != nil {
		return measure.Usage{}, err
	}
	user, errUser := field(text, "user")
	kernel, errKernel := field(text, "system")
	return split(total, user, kernel), errors.Join(errUser, errKernel)
}

// split divides an exact total, in nanoseconds, in the proportion of two counts of ticks.
func split(total, user, kernel int64) measure.Usage {
	if user+kernel == 0 {
		return measure.Usage{UserNs: total}
	}
	userNs := int64(float64(total) * float64(user) / float64(user+kernel))
	return measure.Usage{UserNs: userNs, KernelNs: total - userNs}
}

// content reads a counter's file anew.
func (m *meter) content(file *os.File) ([]byte, error) {
	n, err := file.ReadAt(m.text[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return m.text[:n], err
}

// field returns the number after a name in lines of "name number", as cpu.stat and
// cpuacct.stat have them; see the kernel's admin-guide/cgroup-v2.rst.
func field(text []byte, name string) (int64, error) {
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte(name+" ")); found {
			return strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in the control group's statistics", name)
}

func (m *meter) close() {
	if m == nil {
		return
	}
	for _, file := range []*os.File{m.stat, m.total} {
		if file != nil {
			_ = file.Close()
		}
	}
}
