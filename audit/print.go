package audit

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"rrbench/results"
)

// Summary is the report in one sentence.
func (r *Report) Summary() string {
	sum := r.Sum
	parts := []string{r.amount(sum.Copied) + " copied in user space", r.amount(sum.Through()) + " through the kernel"}
	if lent := sum.ByClass[ByReference].Bytes; r.visible(lent) {
		parts = append(parts, r.amount(lent)+" passed by reference")
	}
	if moved := r.Moved(sum); r.visible(moved) {
		part := r.amount(moved) + " moved as pages"
		if windows := sum.ByClass[RemapsWindow]; windows.Count > 0 {
			part += fmt.Sprintf(" (%s windows)", r.mean(windows.Count))
		}
		parts = append(parts, part)
	}
	if sum.NotLent > 0 {
		parts = append(parts, fmt.Sprintf("the kernel copied %s of %s sends with MSG_ZEROCOPY after all", r.mean(sum.NotLent), r.mean(sum.NotLent+sum.Lent)))
	}
	parts = append(parts, fmt.Sprintf("%s system calls, %s of them with data", r.mean(sum.calls()), r.mean(sum.calls(withData...))))
	return r.Title() + ": " + strings.Join(parts, ", ")
}

func (r *Report) visible(bytes uint64) bool { return r.Multiples(bytes) >= 0.005 }

// amount formats the bytes of one hand-off, in multiples of the payload unless that would read 0.00.
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

// address formats the address space of one hand-off, which does not depend on the payload.
func (r *Report) address(bytes uint64) string { return humanize.IBytes(bytes / uint64(r.Rounds)) }

func (r *Report) mean(n uint64) string {
	each := float64(n) / float64(r.Rounds)
	if each < 10 && n%uint64(r.Rounds) != 0 {
		return strconv.FormatFloat(each, 'f', 1, 64)
	}
	return strconv.FormatFloat(each, 'f', 0, 64)
}

// rows are the lines of the first table, without those that would be zero.
func (r *Report) rows(f Figures) []table.Row {
	const (
		calls       = "tracepoint sys_exit: results and arguments of every call"
		completions = "SO_EE_CODE_ZEROCOPY_COPIED in what recvmsg read from the error queue"
		pages       = "tracepoint mm_page_alloc"
	)
	of := func(class Class) string { return r.amount(f.ByClass[class].Bytes) }
	some := func(class Class) bool { return r.Sum.ByClass[class].Bytes > 0 }
	faults := r.mean(f.Faults)
	if strings.HasPrefix(r.faults, "not counted") {
		faults = "?"
	}
	var rows []table.Row
	for _, row := range []struct {
		there  bool
		figure table.Row
	}{
		{true, table.Row{"copied in user space", r.amount(f.Copied), r.copies}},
		{r.visible(r.Sum.Small), table.Row{"  of it in pieces under 1 KiB", r.amount(f.Small), "the same"}},
		{true, table.Row{CopiesIn, of(CopiesIn), calls}},
		{true, table.Row{CopiesOut, of(CopiesOut), calls}},
		{some(CopiesAcross), table.Row{CopiesAcross, of(CopiesAcross), calls}},
		{some(CopiesAfterAll), table.Row{CopiesAfterAll, of(CopiesAfterAll), completions}},
		{some(ByReference), table.Row{ByReference, of(ByReference), calls}},
		{r.Sum.Lent+r.Sum.NotLent > 0, table.Row{"  MSG_ZEROCOPY sends: lent", r.mean(f.Lent), completions}},
		{r.Sum.Lent+r.Sum.NotLent > 0, table.Row{"  MSG_ZEROCOPY sends: copied", r.mean(f.NotLent), completions}},
		{r.Moved(r.Sum) > 0, table.Row{Remaps, r.amount(r.Moved(f)), calls}},
		{some(RemapsWindow), table.Row{"  address space of windows", r.address(f.ByClass[RemapsWindow].Bytes), calls}},
		{true, table.Row{"taken by the kernel for buffers", r.amount(f.KernelPages), pages}},
		{true, table.Row{"taken for processes' memory", r.amount(f.UserPages), pages}},
		{true, table.Row{"system calls", r.mean(f.calls()), calls}},
		{true, table.Row{"  of them with data or pages", r.mean(f.calls(withData...)), calls}},
		{true, table.Row{"page faults", faults, r.faults}},
		{true, table.Row{"context switches", r.mean(f.Switches), "tracepoint sched_switch"}},
	} {
		if row.there {
			rows = append(rows, row.figure)
		}
	}
	return rows
}

// Print writes the report as text.
func (r *Report) Print(w io.Writer) error {
	out := results.PlainTable(w)
	header, rows := table.Row{"one hand-off"}, r.rows(r.Sum)
	for _, p := range r.Participants {
		header = append(header, p.title())
	}
	out.AppendHeader(append(header, "sum", "counted by"))
	for i, sum := range rows {
		line := table.Row{sum[0]}
		for _, p := range r.Participants {
			line = append(line, r.rows(p.Figures)[i][1])
		}
		out.AppendRow(append(line, sum[1:]...))
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

func (p *Participant) title() string {
	if len(p.Processes) > 1 {
		return fmt.Sprintf("%d × %s", len(p.Processes), p.Role)
	}
	return p.Role
}

func (r *Report) printCalls(w io.Writer) {
	out := results.PlainTable(w)
	out.AppendHeader(table.Row{"system calls of", "call", "times", "bytes", "failed", "what it does"})
	for _, p := range r.Participants {
		for _, c := range p.sortedCalls() {
			var bytes, failed string
			switch {
			case c.Class == RemapsWindow, c.Class == Maps && c.Bytes > 0:
				bytes = r.address(c.Bytes)
			case c.Bytes > 0:
				bytes = r.amount(c.Bytes)
			}
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
	notes := []string{"One hand-off: uprobes where the source's shim begins and ends to send."}
	if around := r.Around; around.calls() > 0 {
		notes = append(notes, fmt.Sprintf(
			"Between two hand-offs, while the next payload is prepared and the last one reported, and not part of the above: %s copied in user space, %s through the kernel, %s moved as pages, %s system calls, %s page faults.",
			r.amount(around.Copied), r.amount(around.Through()), r.amount(r.Moved(around)), r.mean(around.calls()), r.mean(around.Faults)))
	}
	notes = append(notes,
		"Not seen: copies that code makes byte by byte without calling a copying function, such as a guest's own loops or an encoder's; copies within the kernel that no call's result tells, for which the memory that the kernel takes for buffers is the evidence.",
		"Not counted either: processes that the shims have not started, such as a server or a function that was there before.")
	_, _ = fmt.Fprintln(w)
	for _, note := range notes {
		_, _ = fmt.Fprintln(w, text.WrapSoft(note, 118))
	}
}
