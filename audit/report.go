package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rrbench/payloads"
	"rrbench/results"
	"rrbench/sweep"
	"rrbench/transport"
)

// Report has the copies and calls of one hand-off of a transport.
type Report struct {
	Cell sweep.PlannedCell
	// Rounds is the number of hand-offs that were counted; what is printed are means.
	Rounds int
	// Participants are the processes, those of the same role together.
	Participants []*Participant
	// Sum is of all participants during hand-offs, Around of all between hand-offs.
	Sum, Around Figures
	// copies and faults name what counted these.
	copies, faults string
}

// Participant is a process, or several of the same role, in one hand-off.
type Participant struct {
	Role      string
	Processes map[uint32]bool
	Figures
	// Calls are the system calls by their names.
	Calls map[string]Call
}

// Figures are sums over the counted rounds.
type Figures struct {
	// Copied is the bytes copied in user space, Small the part of them in copies of less than 1 KiB.
	Copied, Small uint64
	ByClass       map[Class]kernelSum
	// Lent is the number of sends with MSG_ZEROCOPY without a copy, NotLent that of those that the kernel copied.
	Lent, NotLent uint64
	// KernelPages and UserPages are bytes of memory taken from the kernel.
	KernelPages, UserPages uint64
	Faults, Switches       uint64
}

// Call is a system call of a participant.
type Call struct {
	Name  string
	Class Class
	kernelSum
}

func (s *kernelSum) add(t kernelSum) {
	s.Count, s.Bytes, s.Failed = s.Count+t.Count, s.Bytes+t.Bytes, s.Failed+t.Failed
}

func newReport(cell sweep.PlannedCell, rounds, shims int, found *counter) *Report {
	report := &Report{Cell: cell, Rounds: rounds, copies: found.copies, faults: found.faults}
	roles := make(map[string]*Participant)
	for pid, p := range found.participants {
		role := p.role(shims)
		if roles[role] == nil {
			roles[role] = &Participant{Role: role, Processes: make(map[uint32]bool), Calls: make(map[string]Call)}
		}
		if p.shim {
			roles[role].Processes[pid] = true
		}
	}
	for k, v := range found.sums {
		if k.Phase != uint32(kernelPhaseHandingOver) {
			report.Around.add(k, v)
			continue
		}
		report.Sum.add(k, v)
		p := roles[found.participants[k.Process].role(shims)]
		p.Processes[k.Process] = true
		p.add(k, v)
		if k.Event == kernelEventSystemCall {
			c := Call{kernelSum: v}
			c.Name, c.Class = describe(k.Detail, k.Variant)
			c.add(p.Calls[c.Name].kernelSum)
			p.Calls[c.Name] = c
		}
	}
	for _, p := range roles {
		if len(p.Processes) == 0 {
			continue
		}
		report.Participants = append(report.Participants, p)
		if p.NotLent == 0 || p.Lent > 0 {
			// Where the kernel copied some of the sends, their number is known, but not their bytes.
			continue
		}
		for name, c := range p.Calls {
			if c.Class == ByReference && strings.HasSuffix(name, zerocopy) {
				c.Class = CopiesAfterAll
				p.Calls[name] = c
				p.reclassify(c.kernelSum)
				report.Sum.reclassify(c.kernelSum)
			}
		}
	}
	slices.SortFunc(report.Participants, func(a, b *Participant) int { return cmp.Compare(a.Role, b.Role) })
	return report
}

func (p *Participant) sortedCalls() []Call {
	return slices.SortedFunc(maps.Values(p.Calls), func(a, b Call) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
}

// role is what a process is in the hand-off. In alphabetical order the source comes before the targets, and a shim before
// the processes that it has started.
func (p participant) role(shims int) string {
	side := "target"
	if p.family == 0 {
		side = "source"
	}
	switch {
	case shims == 1 && p.shim:
		return "shim"
	case p.shim:
		return side + " shim"
	}
	return side + "'s " + p.name
}

func (f *Figures) add(k kernelKey, v kernelSum) {
	switch k.Event {
	case kernelEventCopy:
		f.Copied += v.Bytes
		if k.Detail == 0 {
			f.Small += v.Bytes
		}
	case kernelEventSystemCall:
		_, class := describe(k.Detail, k.Variant)
		f.addTo(class, v)
	case kernelEventCompletion:
		if k.Detail == 0 {
			f.Lent += v.Bytes
		} else {
			f.NotLent += v.Bytes
		}
	case kernelEventKernelPages:
		f.KernelPages += v.Bytes
	case kernelEventUserPages:
		f.UserPages += v.Bytes
	case kernelEventFault:
		f.Faults += v.Count
	case kernelEventTaskSwitch:
		f.Switches += v.Count
	}
}

func (f *Figures) addTo(class Class, v kernelSum) {
	if f.ByClass == nil {
		f.ByClass = make(map[Class]kernelSum)
	}
	v.add(f.ByClass[class])
	f.ByClass[class] = v
}

func (f *Figures) reclassify(sends kernelSum) {
	lent := f.ByClass[ByReference]
	f.ByClass[ByReference] = kernelSum{Count: lent.Count - sends.Count, Bytes: lent.Bytes - sends.Bytes, Failed: lent.Failed - sends.Failed}
	f.addTo(CopiesAfterAll, sends)
}

func (f Figures) calls(classes ...Class) uint64 {
	var n uint64
	for class, v := range f.ByClass {
		if len(classes) == 0 || slices.Contains(classes, class) {
			n += v.Count
		}
	}
	return n
}

// withData are the classes of the calls that deal with bytes or pages.
var withData = []Class{CopiesIn, CopiesOut, CopiesAcross, CopiesAfterAll, ByReference, Remaps, RemapsWindow, Maps, Unknown}

// Through is how many bytes the kernel copied, as far as it reports that.
func (f Figures) Through() uint64 {
	return f.ByClass[CopiesAfterAll].Bytes + f.ByClass[CopiesIn].Bytes + f.ByClass[CopiesOut].Bytes + f.ByClass[CopiesAcross].Bytes
}

// Moved is how many bytes of payloads moved with their pages. A window has one payload.
func (r *Report) Moved(f Figures) uint64 {
	windows := f.ByClass[RemapsWindow]
	return f.ByClass[Remaps].Bytes + min(windows.Bytes, windows.Count*uint64(r.Cell.SizeBytes))
}

// Multiples returns a sum of bytes as multiples of the payload for one hand-off.
func (r *Report) Multiples(bytes uint64) float64 {
	return float64(bytes) / float64(r.Rounds) / float64(r.Cell.SizeBytes)
}

// Copies is the report as a row of a run's audit.csv.
func (r *Report) Copies() results.Copies {
	return results.Copies{Transport: r.Cell.Transport, Engine: r.Cell.Engine, Codec: r.Cell.Codec, SizeBytes: r.Cell.SizeBytes,
		User: r.Multiples(r.Sum.Copied), Kernel: r.Multiples(r.Sum.Through()), ByReference: r.Multiples(r.Sum.ByClass[ByReference].Bytes),
		Moved: r.Multiples(r.Moved(r.Sum)), Calls: float64(r.Sum.calls(withData...)) / float64(r.Rounds)}
}

// Title names what was audited.
func (r *Report) Title() string {
	title := r.Cell.Transport
	for _, word := range []string{r.Cell.Engine, r.Cell.Codec, payloads.FormatSize(r.Cell.SizeBytes)} {
		if word != transport.NativeEngine && word != string(transport.None) {
			title += ", " + word
		}
	}
	if r.Cell.Fanout > 1 {
		title += fmt.Sprintf(", fan-out %d", r.Cell.Fanout)
	}
	return title
}
