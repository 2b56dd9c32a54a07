// Package report makes of a run what is handed in: a page to read it on, and an archive that holds all
// that it takes to check it and to repeat it.
package report

import (
	"bytes"
	"cmp"
	_ "embed"
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

	"github.com/jszwec/csvutil"

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

	page = template.Must(template.New("report").Funcs(template.FuncMap{
		"fields": strings.Fields, "pretty": pretty,
		"part":    func(i int) int { return i + 2 }, // the first is the run's
		"rfc3339": func(t time.Time) string { return t.Format(time.RFC3339) },
	}).Parse(pageText))
)

// A Report is a run with what was made of it.
type Report struct {
	// Files are those that were written, in order.
	Files []string

	directory *results.Directory
	manifest  results.Manifest
	contents  results.Contents
	claims    []claims.Row
	figures   plots.Report
}

// Complete reports whether the page was written.
func (r *Report) Complete() bool {
	return len(r.Files) > 0 && filepath.Base(r.Files[len(r.Files)-1]) == results.ReportFile
}

// Write draws the run's figures, judges the claims that were chosen from a source by it, and writes claims.yaml, claims.csv and report.html
// into its directory. Of a run whose files are damaged it makes what the rest allows, and the page says
// so; the error names the files and lines.
func Write(directory *results.Directory, contents results.Contents, source []byte, chosen []claims.Claim) (Report, error) {
	report := Report{directory: directory, contents: contents}
	var err error
	if report.manifest, err = directory.Manifest(); err != nil && !errors.Is(err, os.ErrNotExist) {
		report.contents.Damage = append(report.contents.Damage, err)
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
}

// A figure is one of the page, with the cells that are drawn in it.
type figure struct {
	ID      string
	Drawing template.HTML
	Cells   []*results.Summary
}

// A value is a cell's in a column of the page's table; Sort is what it is sorted and searched by.
type value struct {
	Class, Title, Text, Sort string
	Number                   bool
}

type row struct {
	ID, Command, Parameter, Trials string
	Values                         []value
}

func (r *Report) page() ([]byte, error) {
	m := &r.manifest
	warnings := m.Warnings
	if warnings == nil {
		warnings = results.Warnings(r.contents.Summaries, r.contents.Transports, m.Noise)
	}
	var tested []claimRow
	var untested []*claims.Row
	seen := make(map[string]bool)
	for i := range r.claims {
		if c := &r.claims[i]; c.Verdict != claims.NotTested {
			tested = append(tested, claimRow{c, when(!seen[c.ID], c.ID)})
			seen[c.ID] = true
		}
	}
	for i := range r.claims {
		if c := &r.claims[i]; !seen[c.ID] {
			seen[c.ID] = true
			untested = append(untested, c)
		}
	}
	rows := r.rows()
	var columns []value
	if len(rows) > 0 {
		columns = rows[0].Values
	}
	figures, err := r.drawings()
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	err = page.Execute(&content, map[string]any{
		"Name": cmp.Or(m.Name, "run"), "Manifest": m, "Counts": r.counts(), "Program": program(m), "Commit": commit(m), "Mixed": r.contents.Mixed,
		"Verdicts": verdicts(r.claims), "Style": template.CSS(style), "Library": template.JS(library), "Licence": libraryLicence,
		"Damage": r.contents.Damage.Lines(), "Warnings": warnings, "Commands": commands(m), "Tested": tested, "Untested": untested,
		"Figures": figures, "Omitted": r.figures.Omitted, "Columns": columns, "Cells": rows,
	})
	return content.Bytes(), err
}

func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

func (r *Report) counts() string {
	var cells results.Counts
	for i := range r.contents.Summaries {
		cells.Add(r.contents.Summaries[i].Status)
	}
	return fmt.Sprintf("%d cells ok, %d skipped, %d failed; %d hand-offs", cells.OK, cells.Skipped, cells.Failed, len(r.contents.Trials))
}

// verdicts counts the rows of each.
func verdicts(rows []claims.Row) string {
	counts := make(map[claims.Verdict]int)
	for i := range rows {
		counts[rows[i].Verdict]++
	}
	var words []string
	for _, verdict := range []claims.Verdict{claims.Reproduced, claims.Larger, claims.Smaller, claims.Contradicted, claims.Undecided, claims.NotTested} {
		words = append(words, fmt.Sprintf("%s: %d", verdict, counts[verdict]))
	}
	return strings.Join(words, ", ")
}

// commands are the command lines of the run's parts.
func commands(m *results.Manifest) (lines []string) {
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

// commit is that of the program that measured, program its name.
func commit(m *results.Manifest) string { return cmp.Or(m.Versions.Program, results.UnknownVersion) }

func program(m *results.Manifest) string {
	return results.Program{Version: commit(m), Digest: m.Versions.ProgramDigest}.String()
}

// drawings are the figures as they were drawn, with links to the cells that their CSV has.
func (r *Report) drawings() ([]figure, error) {
	known := make(map[string]*results.Summary)
	for i := range r.contents.Summaries {
		s := &r.contents.Summaries[i]
		known[s.ID()] = s
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
			if known[id] != nil {
				f.Cells = append(f.Cells, known[id])
			}
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// cellsOf lists the cells that the CSV behind a figure has drawn, each once.
func cellsOf(path string) (ids []string, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lines []struct {
		ID    string  `csv:"cell_id"`
		Drawn *string `csv:"drawn"` // not every figure has it
	}
	err = csvutil.Unmarshal(content, &lines)
	for _, line := range lines {
		if line.ID != "" && (line.Drawn == nil || *line.Drawn == "yes") && !slices.Contains(ids, line.ID) {
			ids = append(ids, line.ID)
		}
	}
	return ids, err
}

// cells are those of the run, each id once.
func (r *Report) cells() (cells []*results.Summary) {
	seen := make(map[string]bool)
	for i := range r.contents.Summaries {
		s := &r.contents.Summaries[i]
		if id := s.ID(); !seen[id] {
			seen[id] = true
			cells = append(cells, s)
		}
	}
	return cells
}

func (r *Report) rows() (rows []row) {
	settings := r.manifest.Settings()
	trials := trialsOf(r.contents.Trials)
	for _, c := range r.cells() {
		flags, parameter := settings(c)
		rows = append(rows, row{c.ID(), results.CommandOf(flags), parameter, trials[c.ID()], valuesOf(c)})
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
		text("conditions", strings.Join(strings.Fields(strings.Join(conditions, " ")), " ")),
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

// trialsOf names each cell's hand-offs in trials.csv, as ranges of their numbers.
func trialsOf(all []results.Trial) map[string]string {
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
	found := make(map[string]string, len(spans))
	for point, of := range spans {
		var words []string
		for _, s := range of {
			words = append(words, strconv.Itoa(s.first)+when(s.last > s.first, "–"+strconv.Itoa(s.last)))
		}
		found[point.ID()] = fmt.Sprintf("cell %d, trials %s", index[point], strings.Join(words, ", "))
	}
	return found
}

// pretty is a part of the manifest as JSON.
func pretty(value any) (string, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	return string(text), err
}
