package report

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/google/renameio/v2"

	"rrbench"
	"rrbench/inputs"
	"rrbench/results"
	"rrbench/results/claims"
)

var (
	//go:embed repeat.sh
	repeat []byte
	//go:embed README.md.tmpl
	readmeText string
	//go:embed APPENDIX.md.tmpl
	appendixText string

	markdown = template.FuncMap{"cell": func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }}
	readme   = template.Must(template.New("README.md").Funcs(markdown).Parse(readmeText))
	appendix = template.Must(template.New("APPENDIX.md").Funcs(markdown).Parse(appendixText))
)

// A part is a file of an archive: its content, or where that is.
type part struct {
	name       string
	content    []byte
	path       string
	executable bool
}

// Bundle writes an archive of a run and its report, with the program at a path. The same files give the
// same bytes: order, owner and times are fixed, the times by the manifest.
func (r *Report) Bundle(out, program string) error {
	parts, err := r.parts(program)
	if err != nil {
		return err
	}
	root, err := filepath.Abs(r.directory.Path())
	if err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(out, renameio.WithTempDir(filepath.Dir(out)), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer file.Cleanup()
	// The program is most of it, and a tenth smaller at most if it were compressed with three times the effort.
	zipped, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	written := r.manifest.Start
	if r.manifest.End != nil {
		written = *r.manifest.End
	}
	if written.IsZero() {
		written = time.Unix(0, 0)
	}
	var sums bytes.Buffer
	for _, p := range parts {
		sum, err := p.write(archive, filepath.Base(root), written)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, p.name)
	}
	if _, err := (part{name: "SHA256SUMS", content: sums.Bytes()}).write(archive, filepath.Base(root), written); err != nil {
		return err
	}
	if err := cmp.Or(archive.Close(), zipped.Close()); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

func (p part) write(archive *tar.Writer, root string, at time.Time) ([]byte, error) {
	content, length := io.Reader(bytes.NewReader(p.content)), int64(len(p.content))
	if p.path != "" {
		file, err := os.Open(p.path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		content, length = io.LimitReader(file, info.Size()), info.Size()
	}
	header := &tar.Header{Name: root + "/" + p.name, Mode: 0o644, Size: length, ModTime: at.UTC().Truncate(time.Second), Typeflag: tar.TypeReg}
	if p.executable {
		header.Mode = 0o755
	}
	if err := archive.WriteHeader(header); err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, err := io.Copy(io.MultiWriter(archive, sum), content)
	return sum.Sum(nil), err
}

// parts are the files of the archive in its order.
func (r *Report) parts(program string) ([]part, error) {
	parts := []part{
		{name: "LICENSE", content: rrbench.License}, {name: "CITATION.cff", content: rrbench.Citation},
		{name: "repeat.sh", content: repeat, executable: true}, {name: "bin/rrbench", path: program, executable: true},
	}
	texts := filepath.Join(filepath.Dir(program), "THIRD-PARTY.txt")
	if info, err := os.Stat(texts); err == nil && info.Mode().IsRegular() {
		parts = append(parts, part{name: "bin/THIRD-PARTY.txt", path: texts})
	}
	for _, path := range r.Files {
		switch name := filepath.Base(path); {
		case filepath.Dir(path) != r.directory.Figures():
			parts = append(parts, part{name: name, path: path})
		case filepath.Ext(name) != ".png":
			parts = append(parts, part{name: "figures/" + name, path: path})
		}
	}
	for _, path := range r.directory.Files() {
		parts = append(parts, part{name: "run/" + filepath.Base(path), path: path})
	}
	parts = append(parts, r.experimentParts()...)
	var commands strings.Builder
	seen := make(map[string]bool)
	for i := range r.claims {
		if c := &r.claims[i]; !seen[c.ID] && c.Command != "" {
			fmt.Fprintf(&commands, "%s\t%s\n", c.ID, strings.ReplaceAll(c.Command, " --peer JOIN", ""))
			seen[c.ID] = true
		}
	}
	parts = append(parts, part{name: "claims.tsv", content: []byte(commands.String())})
	about, err := r.about(program)
	if err != nil {
		return nil, err
	}
	for _, t := range []*template.Template{readme, appendix} {
		var content bytes.Buffer
		if err := t.Execute(&content, about); err != nil {
			return nil, err
		}
		parts = append(parts, part{name: t.Name(), content: content.Bytes()})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	return parts, nil
}

// experimentParts are experiments of a configuration file, one a cell, and what they have in common.
func (r *Report) experimentParts() (parts []part) {
	settings := r.manifest.Settings()
	var common string
	for _, c := range r.cells() {
		var whole, own strings.Builder
		fmt.Fprintf(&own, "  - name: %s\n", scalar(c.Experiment))
		all, _ := settings(c)
		for _, one := range all {
			value := scalar(one.Value)
			switch {
			case one.Place == results.WholePlace:
				fmt.Fprintf(&whole, "%s: %s\n", one.Name, value)
				continue
			case one.Place == results.ListPlace:
				values := strings.Split(one.Value, ",")
				for j := range values {
					values[j] = scalar(values[j])
				}
				value = "[" + strings.Join(values, ", ") + "]"
			}
			fmt.Fprintf(&own, "    %s: %s\n", one.Name, value)
		}
		common = whole.String()
		parts = append(parts, part{name: "cells/" + c.ID() + ".yaml", content: []byte(own.String())})
	}
	return append(parts, part{name: "cells/run.yaml", content: []byte(common)})
}

// scalar is a YAML value: as it is, where nothing of it can be meant otherwise.
func scalar(text string) string {
	if text != "" && results.Quote(text) == text && !strings.Contains(text, ":") {
		return text
	}
	quoted, _ := json.Marshal(text) // a string always can be
	return string(quoted)
}

// about holds the contents of README.md and APPENDIX.md.
type about struct {
	Name, System, Commit, Other, Example, Verdicts string
	Environment, Warnings                          []string
	Claims                                         []*numbered
	Experiments                                    []*experiment
}

// A numbered claim has the rows of all choices of its cells' values.
type numbered struct {
	Number, Experiment string
	Rows               []*claims.Row
}

type experiment struct {
	Number, Command, Claims string
	Human, Compute          int
}

func (r *Report) about(program string) (*about, error) {
	m := &r.manifest
	a := &about{Name: cmp.Or(m.Name, "run"), System: runtime.GOOS + "/" + runtime.GOARCH, Commit: commit(m), Verdicts: verdicts(r.claims), Warnings: m.Warnings}
	sum, err := inputs.DigestFile(program)
	if err != nil {
		return nil, err
	}
	if string(sum) != m.Versions.ProgramDigest {
		a.Other = "sha256:" + cmp.Or(m.Versions.ProgramDigest, results.UnknownVersion)
	}
	machine := m.Before
	a.Environment = []string{
		fmt.Sprintf("%s, %d CPUs, %s of memory", cmp.Or(machine.CPUModel, "a machine that is not known"), machine.CPUs, results.FormatSize(float64(machine.MemoryTotal))),
		fmt.Sprintf("%s, %s %s", cmp.Or(machine.OSRelease, machine.OS), machine.OS, machine.KernelRelease),
		fmt.Sprintf("Go %s", strings.TrimPrefix(m.Versions.Go, "go")),
		"nodes: " + fmt.Sprint(1+len(m.Peers)),
	}
	for _, list := range []map[string]string{m.Versions.Engines, m.Versions.Servers} {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(list)) {
			names = append(names, name+" "+list[name])
		}
		if len(names) > 0 {
			a.Environment = append(a.Environment, strings.Join(names, ", "))
		}
	}
	quickest := math.Inf(1)
	for i := range r.contents.Summaries {
		s := &r.contents.Summaries[i]
		function := r.contents.Transports.Of(s.Transport).Family != results.LimitFamily
		if s.Status == results.OK && s.Placement != "inter" && function && s.LatencyMedian < quickest {
			quickest, a.Example = s.LatencyMedian, s.ID()
		}
	}
	r.experiments(a)
	return a, nil
}

// experiments numbers the claims and what measures them; the first is the run.
func (r *Report) experiments(a *about) {
	m := &r.manifest
	took := time.Duration(m.TookNs)
	if took == 0 && m.End != nil {
		took = m.End.Sub(m.Start)
	}
	run := &experiment{Number: "E1", Command: strings.Join(commands(m), "; "), Human: 1, Compute: int(math.Ceil(took.Minutes()))}
	a.Experiments = []*experiment{run}
	byID, byCommand := make(map[string]*numbered), make(map[string]*experiment)
	for i := range r.claims {
		row := &r.claims[i]
		c := byID[row.ID]
		if c == nil {
			c = &numbered{Number: fmt.Sprintf("C%d", len(a.Claims)+1)}
			byID[row.ID] = c
			a.Claims = append(a.Claims, c)
			if row.Command != "" {
				e := byCommand[row.Command]
				if e == nil {
					e = &experiment{Number: fmt.Sprintf("E%d", len(a.Experiments)+1), Command: row.Command, Human: row.HumanMinutes, Compute: row.ComputeMinutes}
					byCommand[row.Command] = e
					a.Experiments = append(a.Experiments, e)
				}
				c.Experiment = e.Number
				e.Claims = strings.TrimPrefix(e.Claims+", "+c.Number, ", ")
			}
		}
		if row.Verdict == claims.NotTested && len(c.Rows) > 0 {
			continue // once is enough
		}
		if len(c.Rows) == 1 && c.Rows[0].Verdict == claims.NotTested {
			c.Rows = nil
		}
		c.Rows = append(c.Rows, row)
	}
	var tested []string
	for _, c := range a.Claims {
		if c.Rows[0].Verdict != claims.NotTested {
			tested = append(tested, c.Number)
			c.Experiment = strings.TrimSuffix("E1, "+c.Experiment, ", ")
		}
	}
	run.Claims = strings.Join(tested, ", ")
}
