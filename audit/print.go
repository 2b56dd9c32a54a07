package audit

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"rrbench/payloads"
)

func formatSize(bytes int64) string { return payloads.FormatSize(bytes) }

// Summary is the report in one sentence.
func (r *Report) Summary() string {
	sum := r.Sum()
	parts := []string{r.amount(sum.Copied.Bytes) + " copied in user space"}
	if counted(r.how.userCopies) != "" {
		parts[0] = "copies in user space not counted"
	}
	through := r.amount(sum.Through()) + " through the kernel"
	if r.kernelErr != nil {
		through = "at least " + through
	}
	parts = append(parts, through)
	if lent := sum.ByClass[ByReference].Bytes; r.visible(lent) {
		parts = append(parts, r.amount(lent)+" passed by reference")
	}
	if moved := sum.ByClass[Remaps].Bytes; r.visible(moved) {
		parts = append(parts, r.amount(moved)+" moved as pages")
	}
	if sum.Zerocopy.Copied > 0 {
		parts = append(parts, fmt.Sprintf("the kernel copied %s of %s sends with MSG_ZEROCOPY after all",
			r.mean(sum.Zerocopy.Copied), r.mean(sum.Zerocopy.Copied+sum.Zerocopy.Lent)))
	}
	parts = append(parts, fmt.Sprintf("%s system calls, %s of them with data", r.mean(sum.Calls()), r.mean(sum.MovingCalls())))
	return r.Title() + ": " + strings.Join(parts, ", ")
}

// counted is the reason why something was not counted, empty when it was.
func counted(how string) string {
	if reason, not := strings.CutPrefix(how, "not counted"); not {
		return "not counted" + reason
	}
	return ""
}

// visible says whether bytes are a part of the payload that shows.
func (r *Report) visible(bytes uint64) bool { return r.Multiples(bytes) >= 0.005 }

// amount is a sum of bytes a hand-off: in multiples of the payload, or in bytes where that
// would read 0.00.
func (r *Report) amount(bytes uint64) string {
	if bytes == 0 {
		return "0 bytes"
	}
	if r.visible(bytes) {
		return fmt.Sprintf("%.2f x", r.Multiples(bytes))
	}
	each := float64(bytes) / float64(r.Rounds)
	if each < 1 {
		return "<1 byte"
	}
	if each < 1024 {
		return fmt.Sprintf("%.0f bytes", each)
	}
	return humanize.IBytes(uint64(each + 0.5))
}

// mean is a number a hand-off.
func (r *Report) mean(n uint64) string {
	each := float64(n) / float64(r.Rounds)
	if each < 10 && n%uint64(r.Rounds) != 0 {
		return strconv.FormatFloat(each, 'f', 1, 64)
	}
	return strconv.FormatFloat(each, 'f', 0, 64)
}

// row is a line of the first table.
type row struct {
	name   string
	figure func(Figures) string
	how    string
	// only when it is not nil and returns false of the sum is the row left out.
	only func(Figures) bool
}

func (r *Report) rows() []row {
	bytesOf := func(class Class) func(Figures) string {
		return func(f Figures) string { return r.amount(f.ByClass[class].Bytes) }
	}
	has := func(class Class) func(Figures) bool {
		return func(f Figures) bool { return f.ByClass[class].Bytes > 0 }
	}
	return []row{
		{"copied in user space", func(f Figures) string { return r.amount(f.Copied.Bytes) }, r.how.userCopies, nil},
		{"  of it in pieces under 1 KiB", func(f Figures) string { return r.amount(f.Small.Bytes) }, "the same", func(f Figures) bool { return r.visible(f.Small.Bytes) }},
		{string(CopiesIn), bytesOf(CopiesIn), r.how.calls, nil},
		{string(CopiesOut), bytesOf(CopiesOut), r.how.calls, nil},
		{string(CopiesAcross), bytesOf(CopiesAcross), r.how.calls, has(CopiesAcross)},
		{string(CopiesAfterAll), bytesOf(CopiesAfterAll), r.how.completions, has(CopiesAfterAll)},
		{string(ByReference), bytesOf(ByReference), r.how.calls, has(ByReference)},
		{"  MSG_ZEROCOPY sends: lent", func(f Figures) string { return r.mean(f.Zerocopy.Lent) }, r.how.completions, hasCompletions},
		{"  MSG_ZEROCOPY sends: copied", func(f Figures) string { return r.mean(f.Zerocopy.Copied) }, r.how.completions, hasCompletions},
		{string(Remaps), bytesOf(Remaps), r.how.calls, has(Remaps)},
		{"taken by the kernel for buffers", func(f Figures) string { return r.amount(f.KernelPages.Bytes) }, r.how.pages, nil},
		{"taken for processes' memory", func(f Figures) string { return r.amount(f.UserPages.Bytes) }, r.how.pages, nil},
		{"system calls", func(f Figures) string { return r.mean(f.Calls()) }, r.how.calls, nil},
		{"  of them with data or pages", func(f Figures) string { return r.mean(f.MovingCalls()) }, r.how.calls, nil},
		{"page faults", func(f Figures) string { return r.mean(f.Faults + f.KernelFaults) }, r.how.faults, nil},
		{"context switches", func(f Figures) string { return r.mean(f.Switches) }, r.how.switches, nil},
	}
}

func hasCompletions(f Figures) bool { return f.Zerocopy.Lent+f.Zerocopy.Copied > 0 }

// Print writes the report as text.
func (r *Report) Print(w io.Writer) error {
	sum := r.Sum()
	out := plainTable(w)
	header := table.Row{"one hand-off"}
	for _, p := range r.Participants {
		header = append(header, p.title())
	}
	out.AppendHeader(append(header, "sum", "counted by"))
	for _, line := range r.rows() {
		if line.only != nil && !line.only(sum) {
			continue
		}
		cells := table.Row{line.name}
		how := line.how
		for _, p := range r.Participants {
			cells = append(cells, line.figure(p.Figures))
		}
		cells = append(cells, line.figure(sum))
		if counted(how) != "" {
			for i := 1; i < len(cells); i++ {
				cells[i] = "?"
			}
		}
		out.AppendRow(append(cells, how))
	}
	if _, err := fmt.Fprintf(w, "%s: the mean of %d hand-offs, x in multiples of the payload\n\n", r.Title(), r.Rounds); err != nil {
		return err
	}
	out.Render()
	r.printCalls(w)
	r.printNotes(w)
	_, err := fmt.Fprintf(w, "\n%s\n", r.Summary())
	return err
}

func (p Participant) title() string {
	if p.Processes > 1 {
		return fmt.Sprintf("%d × %s", p.Processes, p.Role)
	}
	return p.Role
}

func (r *Report) printCalls(w io.Writer) {
	out := plainTable(w)
	out.AppendHeader(table.Row{"system calls of", "call", "times", "bytes", "failed", "what it does"})
	for _, p := range r.Participants {
		for _, c := range p.Calls {
			bytes := r.amount(c.Bytes)
			if c.Bytes == 0 {
				bytes = ""
			}
			failed := ""
			if c.Failed > 0 {
				failed = r.mean(c.Failed)
			}
			out.AppendRow(table.Row{p.title(), c.Name, r.mean(c.Count), bytes, failed, c.Class})
		}
	}
	_, _ = fmt.Fprintln(w)
	out.Render()
}

func (r *Report) printNotes(w io.Writer) {
	notes := []string{"One hand-off: " + r.how.window + "."}
	around := r.Around
	if around.Calls() > 0 {
		notes = append(notes, fmt.Sprintf(
			"Between two hand-offs, while the next payload is prepared and the last one reported, and not part of the above: %s copied in user space, %s through the kernel, %s moved as pages, %s system calls, %s page faults.",
			r.amount(around.Copied.Bytes), r.amount(around.Through()), r.amount(around.ByClass[Remaps].Bytes), r.mean(around.Calls()), r.mean(around.Faults+around.KernelFaults)))
	}
	notes = append(notes, "Not seen: copies that code makes byte by byte without calling a copying function, such as a guest's own loops or an encoder's; copies within the kernel that no call's result tells, for which the memory that the kernel takes for buffers is the evidence.")
	notes = append(notes, "Not counted either: processes that the shims have not started, such as a server or a function that was there before.")
	if r.kernelErr != nil {
		notes = append(notes, fmt.Sprintf("The kernel's own counters were not available: %v (%s).", r.kernelErr, Remedy))
	}
	_, _ = fmt.Fprintln(w)
	for _, note := range notes {
		_, _ = fmt.Fprintln(w, text.WrapSoft(note, 118))
	}
}

// Remedy is what makes the better counter available.
const Remedy = "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, on a kernel with BTF"

func plainTable(w io.Writer) table.Writer {
	out := table.NewWriter()
	out.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	out.SetStyle(style)
	return out
}
