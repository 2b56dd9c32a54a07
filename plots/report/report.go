// Package report makes of a run what is handed in: a page to read it on, and an archive that holds all
// that it takes to check it and to repeat it.
package report

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rrbench/plots"
	"rrbench/results"
	"rrbench/results/claims"
)

var (
	//go:embed report.html
	pageText string
	//go:embed report.css
	style string
	// The library that sorts and filters tables, as its npm package has it: listjs/SHA256SUMS.
	//go:embed listjs/list.min.js
	library string
	//go:embed listjs/LICENSE
	libraryLicence string

	page = template.Must(template.New("report").Parse(pageText))
)

// A Report is a run with what was made of it.
type Report struct {
	// Files are those that were written, in order.
	Files []string

	manifest results.Manifest
	contents results.Contents
	claims   []claims.Row
	figures  plots.Report
}

// Complete says that the page was written.
func (r *Report) Complete() bool {
	return len(r.Files) > 0 && filepath.Base(r.Files[len(r.Files)-1]) == results.ReportFile
}

// Write draws the run's figures, judges the claims by it, and writes claims.yaml, claims.csv and report.html
// into its directory. Of a run whose files are damaged it makes what the rest allows, and the page says
// so; the error names the files and lines.
func Write(directory *results.Directory, contents results.Contents, source []byte) (Report, error) {
	report := Report{contents: contents}
	var err error
	if report.manifest, err = directory.Manifest(); err != nil && !errors.Is(err, os.ErrNotExist) {
		report.contents.Damage = append(report.contents.Damage, err)
	}
	chosen, err := claims.Read(bytes.NewReader(source))
	if err != nil {
		return report, err
	}
	if report.claims, err = claims.Evaluate(chosen, contents.Measured()); err != nil {
		return report, err
	}
	var verdicts bytes.Buffer
	if err := results.WriteRows(&verdicts, report.claims); err != nil {
		return report, err
	}
	// What cannot be drawn has its line, and does not keep the page from being written.
	var failed error
	if report.figures, failed = plots.Draw(directory, &contents); len(report.figures.Files)+len(report.figures.Omitted) == 0 {
		return report, failed
	}
	report.Files = report.figures.Files
	content, err := report.page()
	if err != nil {
		return report, err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{results.ClaimsSourceFile, source}, {results.ClaimsFile, verdicts.Bytes()}, {results.ReportFile, content}} {
		path, err := directory.Write(file.name, file.content)
		if err != nil {
			return report, err
		}
		report.Files = append(report.Files, path)
	}
	return report, failed
}

// A claimRow is one of the table of claims. The first of a claim has an anchor.
type claimRow struct {
	*claims.Row
	Anchor string
	IDs    []string
}

// A figure is one of the page, with the cells that are drawn in it.
type figure struct {
	ID      string
	Drawing template.HTML
	Cells   []named
}

type named struct{ ID, Name string }

// A value is a cell's in a column of the page's table; Sort is what it is sorted and searched by.
type value struct {
	Class, Title, Text, Sort string
	Number                   bool
}

// A row is a cell of the run.
type row struct {
	ID, Command, Parameter string
	Values                 []value
	Trials                 *trials
}

// trials are the rows of trials.csv that a cell has.
type trials struct {
	Index   int
	Numbers string
}

// A fact is a part of the environment.
type fact struct {
	Title, Text string
	Open        bool
}

func (r *Report) page() ([]byte, error) {
	m := &r.manifest
	data := struct {
		Name, Start, End, Counts, Program, Commit, Mixed, Verdicts string
		Style                                                      template.CSS
		Library                                                    template.JS
		Licence                                                    string
		Damage, Warnings, Commands                                 []string
		Tested                                                     []claimRow
		Untested                                                   []*claims.Row
		Figures                                                    []figure
		Omitted                                                    []plots.Omission
		Columns                                                    []value
		Cells                                                      []row
		Facts                                                      []fact
	}{
		Name: m.Name, Counts: r.counts(), Program: Program(m), Commit: commit(m), Mixed: r.contents.Mixed, Verdicts: verdicts(r.claims),
		Style: template.CSS(style), Library: template.JS(library), Licence: libraryLicence,
		Damage: r.contents.Damage.Lines(), Omitted: r.figures.Omitted, Cells: r.rows(),
	}
	if data.Name == "" {
		data.Name = "run"
	}
	if !m.Start.IsZero() {
		data.Start = m.Start.Format(time.RFC3339)
	}
	if m.End != nil {
		data.End = m.End.Format(time.RFC3339)
	}
	data.Warnings = m.Warnings
	if m.Warnings == nil {
		data.Warnings = results.Warnings(r.contents.Summaries, r.contents.Transports, m.Noise)
	}
	data.Commands = Commands(m)
	seen := make(map[string]bool)
	for i := range r.claims {
		c := &r.claims[i]
		if c.Verdict == claims.NotTested {
			continue
		}
		one := claimRow{Row: c, IDs: strings.Fields(c.CellIDs)}
		if !seen[c.ID] {
			one.Anchor = c.ID
		}
		seen[c.ID] = true
		data.Tested = append(data.Tested, one)
	}
	for i := range r.claims {
		if c := &r.claims[i]; !seen[c.ID] {
			seen[c.ID] = true
			data.Untested = append(data.Untested, c)
		}
	}
	if len(data.Cells) > 0 {
		data.Columns = data.Cells[0].Values
	}
	var err error
	if data.Figures, err = r.drawings(); err != nil {
		return nil, err
	}
	if data.Facts, err = facts(m); err != nil {
		return nil, err
	}
	var content bytes.Buffer
	err = page.Execute(&content, data)
	return content.Bytes(), err
}

func (r *Report) counts() string {
	counts := make(map[results.Status]int)
	for i := range r.contents.Summaries {
		counts[r.contents.Summaries[i].Status]++
	}
	return fmt.Sprintf("%d cells ok, %d skipped, %d failed; %d hand-offs", counts[results.OK], counts[results.Skipped], counts[results.Failed], len(r.contents.Trials))
}

// verdicts counts the rows of each.
func verdicts(rows []claims.Row) string {
	var words []string
	for _, verdict := range []claims.Verdict{claims.Reproduced, claims.Larger, claims.Smaller, claims.Contradicted, claims.Undecided, claims.NotTested} {
		count := 0
		for i := range rows {
			if rows[i].Verdict == verdict {
				count++
			}
		}
		words = append(words, fmt.Sprintf("%s: %d", verdict, count))
	}
	return strings.Join(words, ", ")
}

// Commands are the command lines of the run's parts.
func Commands(m *results.Manifest) (lines []string) {
	for _, segment := range m.Segments() {
		var words []string
		for _, word := range segment.Command {
			words = append(words, results.Quote(string(word)))
		}
		if len(words) > 0 {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return lines
}

// commit is that of the program that measured.
func commit(m *results.Manifest) string {
	if m.Versions.Program == "" {
		return results.UnknownVersion
	}
	return m.Versions.Program
}

// Program names the program that measured.
func Program(m *results.Manifest) string {
	return results.Program{Version: commit(m), Digest: m.Versions.ProgramDigest}.String()
}

// drawings are the figures as they were drawn, with links to the cells that their CSV has.
func (r *Report) drawings() ([]figure, error) {
	names := make(map[string]string)
	for i := range r.contents.Summaries {
		s := &r.contents.Summaries[i]
		names[s.ID()] = s.Name()
	}
	var figures []figure
	for _, path := range r.figures.Files {
		base, ok := strings.CutSuffix(path, ".svg")
		if !ok {
			continue
		}
		drawing, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		_, element, found := bytes.Cut(drawing, []byte("<svg "))
		if !found {
			return nil, fmt.Errorf("%s is no SVG", path)
		}
		f := figure{ID: filepath.Base(base), Drawing: template.HTML("<svg " + strings.ReplaceAll(string(element), plots.LinkTo, "#cell-"))}
		ids, err := cellsOf(base + ".csv")
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if name, known := names[id]; known {
				f.Cells = append(f.Cells, named{id, name})
			}
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// cellsOf lists the cells that the CSV behind a figure has drawn, each once.
func cellsOf(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	id, drawn := slices.Index(lines[0], "cell_id"), slices.Index(lines[0], "drawn")
	var ids []string
	seen := make(map[string]bool)
	for _, line := range lines[1:] {
		if id < 0 || line[id] == "" || seen[line[id]] || drawn >= 0 && line[drawn] != "yes" {
			continue
		}
		seen[line[id]] = true
		ids = append(ids, line[id])
	}
	return ids, nil
}

// cells are those of the run, each id once.
func (r *Report) cells() (cells []identified) {
	seen := make(map[string]bool)
	for i := range r.contents.Summaries {
		s := &r.contents.Summaries[i]
		if id := s.ID(); !seen[id] {
			seen[id] = true
			cells = append(cells, identified{s, id})
		}
	}
	return cells
}

type identified struct {
	*results.Summary
	id string
}

func (r *Report) rows() []row {
	settings := r.manifest.Settings()
	of := trialsOf(r.contents.Trials)
	var rows []row
	for _, c := range r.cells() {
		flags, parameter := settings(c.Summary)
		rows = append(rows, row{c.id, results.CommandOf(flags), parameter, valuesOf(c.Summary), of[c.id]})
	}
	return rows
}

func valuesOf(s *results.Summary) []value {
	text := func(class, text string) value { return value{class, class, text, text, false} }
	number := func(class, title, text string, of float64) value {
		sort := ""
		if !math.IsNaN(of) && !math.IsInf(of, 0) {
			sort = strconv.FormatFloat(math.Round(of), 'f', 0, 64) // the library compares whole numbers by value
		}
		return value{class, title, text, sort, true}
	}
	load := strconv.Itoa(s.Concurrency)
	if s.Rate > 0 {
		load += fmt.Sprintf(" at %d/s", s.Rate)
	}
	conditions := []string{s.Phase, s.Origin, s.Consume, s.Route, s.SizeMix, s.Launcher}
	if s.Fanout > 1 {
		conditions = append(conditions, s.FanoutOrder)
	}
	if s.Fanin > 1 {
		conditions = append(conditions, fmt.Sprintf("fan-in %d", s.Fanin))
	}
	conditions = slices.DeleteFunc(conditions, func(word string) bool { return word == "" })
	status := string(s.Status)
	for _, more := range []string{s.Reason, s.Notes} {
		if more != "" {
			status += "; " + more
		}
	}
	size := results.FormatSize(float64(s.SizeBytes))
	return []value{
		text("transport", s.Transport), text("engine", s.Engine), text("codec", s.Codec), text("placement", s.Placement),
		{"size", "size", size, fmt.Sprintf("%d %s", s.SizeBytes, size), true},
		number("fan", "fan-out", strconv.Itoa(s.Fanout), float64(s.Fanout)),
		{"load", "concurrency", load, load, true},
		text("conditions", strings.Join(conditions, " ")),
		number("starts", "starts", strconv.Itoa(s.Starts), float64(s.Starts)),
		number("latency", "latency [95 % interval]", results.FormatInterval(s.LatencyMedian, s.LatencyLo, s.LatencyHi), s.LatencyMedian),
		number("consumed", "consumed", results.FormatDuration(s.ConsumedMedian), s.ConsumedMedian),
		number("cycle", "cycle", results.FormatDuration(s.CycleMedian), s.CycleMedian),
		number("throughput", "throughput", results.FormatRate(s.BytesPerSecond), s.BytesPerSecond),
		number("cpu", "CPU user + kernel", results.FormatSum(s.CPUUser, s.CPUKernel), s.CPUUser+s.CPUKernel),
		number("pss", "PSS", results.FormatSize(s.PSSPeak), s.PSSPeak),
		{"status", "status", status, status, false},
	}
}

// trialsOf has the numbers of each cell's hand-offs, as ranges.
func trialsOf(all []results.Trial) map[string]*trials {
	type span struct{ first, last int }
	spans := make(map[results.Point][]span)
	index := make(map[results.Point]int)
	for i := range all {
		t := &all[i]
		of := spans[t.Point]
		index[t.Point] = t.CellIndex
		if last := len(of) - 1; last >= 0 && (t.Trial == of[last].last || t.Trial == of[last].last+1) {
			of[last].last = t.Trial
			continue
		}
		spans[t.Point] = append(of, span{t.Trial, t.Trial})
	}
	found := make(map[string]*trials, len(spans))
	for point, of := range spans {
		var words []string
		for _, s := range of {
			word := strconv.Itoa(s.first)
			if s.last > s.first {
				word += "–" + strconv.Itoa(s.last)
			}
			words = append(words, word)
		}
		found[point.ID()] = &trials{index[point], strings.Join(words, ", ")}
	}
	return found
}

// facts is what the manifest says of the machines and the software.
func facts(m *results.Manifest) (all []fact, err error) {
	add := func(title string, open bool, value any) {
		text, problem := json.MarshalIndent(value, "", "  ")
		err = errors.Join(err, problem)
		all = append(all, fact{title, string(text), open})
	}
	add("Versions", true, m.Versions)
	add("This machine, before the run", true, m.Before)
	if m.After != nil {
		add("This machine, after the run", false, m.After)
	}
	for _, peer := range m.Peers {
		add("Peer "+peer.Address, false, peer)
	}
	if len(m.Shims) > 0 {
		add("Environment of the functions' processes", false, m.Shims)
	}
	if len(m.Inputs) > 0 {
		add("Inputs, with SHA-256", false, m.Inputs)
	}
	for i, segment := range m.Resumed {
		add(fmt.Sprintf("Part %d of a resumed run", i+2), false, segment)
	}
	return all, err
}
