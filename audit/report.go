package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rrbench/sweep"
	"rrbench/transport"
)

// Report is what one hand-off of a transport costs in copies and calls.
type Report struct {
	Cell sweep.PlannedCell
	// Rounds were counted; figures are means of them.
	Rounds int
	// Participants are the processes, alike ones together.
	Participants []Participant
	// Around is what happened between the hand-offs, of all participants.
	Around Figures
	// how says what counted each figure.
	how sources
	// kernelErr is why the better counter could not be used.
	kernelErr error
}

// Participant is a process, or several of the same role, in one hand-off.
type Participant struct {
	Role string
	// Processes is how many there are of that role.
	Processes int
	Figures
	// Calls are the system calls, the one with most bytes first.
	Calls []Call
}

// Figures are sums over the counted rounds.
type Figures struct {
	// Copied is what was copied in user space in bytes, by what copied it: Small is the
	// part of it in copies of less than 1 KiB.
	Copied, Small value
	ByClass       map[Class]value
	Zerocopy      Completions
	// KernelPages and UserPages are bytes of memory taken from the kernel.
	KernelPages, UserPages value
	Faults, KernelFaults   uint64
	Switches, Forced       uint64
}

// Completions are sends with MSG_ZEROCOPY that the kernel has reported on.
type Completions struct {
	// Lent sends went out without a copy, Copied ones were copied by the kernel.
	Lent, Copied uint64
}

// Call is a system call of a participant.
type Call struct {
	Name  string
	Class Class
	value
}

// newReport adds the counts up by role.
func newReport(cell sweep.PlannedCell, rounds, shims int, found *counts, kernelErr error) *Report {
	report := &Report{Cell: cell, Rounds: rounds, how: found.how, kernelErr: kernelErr}
	report.Around.ByClass = make(map[Class]value)
	roles := make(map[string]*Participant)
	calls := make(map[string]map[string]Call)
	order := make(map[string]int)
	for pid, p := range found.participants {
		name := p.role(shims)
		r := roles[name]
		if r == nil {
			r = &Participant{Role: name, Figures: Figures{ByClass: make(map[Class]value)}}
			roles[name], calls[name] = r, make(map[string]Call)
			order[name] = int(min(p.family, 1)) * 2
			if !p.shim {
				order[name]++
			}
		}
		idle := true
		for k, v := range found.sums {
			if k.PID != pid {
				continue
			}
			if k.Phase != handingOver {
				report.Around.add(k, v)
				continue
			}
			idle = false
			r.add(k, v)
			if name, class, is := k.call(); is {
				c := calls[r.Role][name]
				calls[r.Role][name] = Call{name, class, c.value.plus(v)}
			}
		}
		if p.shim || !idle {
			r.Processes++
		}
	}
	for name, r := range roles {
		if r.Processes == 0 {
			continue
		}
		if r.Zerocopy.Copied > 0 && r.Zerocopy.Lent == 0 {
			r.copiedAfterAll(calls[name])
		}
		r.Calls = slices.SortedFunc(maps.Values(calls[name]), func(a, b Call) int {
			return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
		})
		report.Participants = append(report.Participants, *r)
	}
	slices.SortFunc(report.Participants, func(a, b Participant) int {
		return cmp.Or(cmp.Compare(order[a.Role], order[b.Role]), cmp.Compare(a.Role, b.Role))
	})
	return report
}

// copiedAfterAll reclassifies the sends with MSG_ZEROCOPY of a participant to which the
// kernel has reported of each that it copied. Where it copied some, their number is known
// and not their bytes.
func (p *Participant) copiedAfterAll(calls map[string]Call) {
	for name, c := range calls {
		if c.Class != ByReference || !strings.HasSuffix(name, zerocopyVariant) {
			continue
		}
		c.Class = CopiesAfterAll
		calls[name] = c
		lent := p.ByClass[ByReference]
		p.ByClass[ByReference] = value{lent.Count - c.Count, lent.Bytes - c.Bytes, lent.Failed - c.Failed}
		p.ByClass[CopiesAfterAll] = p.ByClass[CopiesAfterAll].plus(c.value)
	}
}

// role is what a process is in the hand-off.
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
	return fmt.Sprintf("%s's %s", side, p.name)
}

// call names and classifies the system calls that a sum is of.
func (k key) call() (name string, class Class, is bool) {
	switch k.What {
	case systemCall:
		name, class = describe(k.Detail&0xffff, k.Detail>>16)
		return name, class, true
	case readCalls:
		return "read and its variants", CopiesOut, true
	case writeCalls:
		return "write and its variants", CopiesIn, true
	}
	return "", "", false
}

func (f *Figures) add(k key, v value) {
	switch k.What {
	case goCopy, bulkCopy, libcCopy:
		f.Copied = f.Copied.plus(v)
		if k.Detail == 0 {
			f.Small = f.Small.plus(v)
		}
	case systemCall, readCalls, writeCalls:
		_, class, _ := k.call()
		f.ByClass[class] = f.ByClass[class].plus(v)
	case completion:
		if k.Detail == 0 {
			f.Zerocopy.Lent += v.Bytes
		} else {
			f.Zerocopy.Copied += v.Bytes
		}
	case kernelPages:
		f.KernelPages = f.KernelPages.plus(v)
	case userPages:
		f.UserPages = f.UserPages.plus(v)
	case userFault:
		f.Faults += v.Count
	case kernelFault:
		f.KernelFaults += v.Count
	case taskSwitch:
		f.Switches += v.Count
		if k.Detail != 0 {
			f.Forced += v.Count
		}
	}
}

// Sum is what all participants did together.
func (r *Report) Sum() Figures {
	sum := Figures{ByClass: make(map[Class]value)}
	for _, p := range r.Participants {
		sum.Copied = sum.Copied.plus(p.Copied)
		sum.Small = sum.Small.plus(p.Small)
		for class, v := range p.ByClass {
			sum.ByClass[class] = sum.ByClass[class].plus(v)
		}
		sum.Zerocopy.Lent += p.Zerocopy.Lent
		sum.Zerocopy.Copied += p.Zerocopy.Copied
		sum.KernelPages = sum.KernelPages.plus(p.KernelPages)
		sum.UserPages = sum.UserPages.plus(p.UserPages)
		sum.Faults += p.Faults
		sum.KernelFaults += p.KernelFaults
		sum.Switches += p.Switches
		sum.Forced += p.Forced
	}
	return sum
}

// Calls is the number of system calls in the counted rounds.
func (f Figures) Calls() uint64 {
	var n uint64
	for _, v := range f.ByClass {
		n += v.Count
	}
	return n
}

// moving are the classes of the calls that deal with payloads.
var moving = []Class{CopiesIn, CopiesOut, CopiesAcross, CopiesAfterAll, ByReference, Remaps, Maps, Unknown}

// MovingCalls is the part of the calls that deals with bytes or pages; the others wait,
// meter and arrange.
func (f Figures) MovingCalls() uint64 {
	var n uint64
	for _, class := range moving {
		n += f.ByClass[class].Count
	}
	return n
}

// Through is how many bytes the kernel copied on its callers' behalf: in, out, across, and
// within where it said so.
func (f Figures) Through() uint64 {
	return f.ByClass[CopiesAfterAll].Bytes + f.ByClass[CopiesIn].Bytes + f.ByClass[CopiesOut].Bytes + f.ByClass[CopiesAcross].Bytes
}

// Multiples is a sum of bytes as multiples of the payload, a hand-off.
func (r *Report) Multiples(bytes uint64) float64 {
	return float64(bytes) / float64(r.Rounds) / float64(r.Cell.SizeBytes)
}

// Title names what was audited.
func (r *Report) Title() string {
	words := []string{r.Cell.Transport}
	if r.Cell.Engine != transport.NativeEngine {
		words = append(words, r.Cell.Engine)
	}
	if r.Cell.Codec != string(transport.None) {
		words = append(words, r.Cell.Codec)
	}
	words = append(words, formatSize(r.Cell.SizeBytes))
	if r.Cell.Fanout > 1 {
		words = append(words, fmt.Sprintf("fan-out %d", r.Cell.Fanout))
	}
	return strings.Join(words, ", ")
}
