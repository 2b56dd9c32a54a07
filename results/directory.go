package results

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// The files of a run directory.
const (
	manifestFile = "manifest.json"
	trialsFile   = "trials.csv"
	windowsFile  = "windows.csv"
	summaryFile  = "summary.csv"
	auditFile    = "audit.csv"
	figuresName  = "figures"

	// What is made of a run: what it was judged by, the verdicts, the page.
	ClaimsSourceFile = "claims.yaml"
	ClaimsFile       = "claims.csv"
	ReportFile       = "report.html"
)

// Directory is where a run's results are. Who creates one, or resumes its journal, is its
// only writer until Close.
type Directory struct {
	path   string
	locked *os.File
}

// DirectoryError is a directory that cannot be used as asked. It is an error of usage: its
// one line names the directory and the remedy.
type DirectoryError struct {
	Path    string
	Problem string
	Remedy  string
	Cause   error
}

func (e *DirectoryError) Error() string {
	return fmt.Sprintf("results directory %s %s: %s", e.Path, e.Problem, e.Remedy)
}

// Usage marks an error of usage.
func (*DirectoryError) Usage() {}

func (e *DirectoryError) Unwrap() error { return e.Cause }

// DefaultPath is the directory of a run that was not given one: a name under results/runs
// that sorts by time. The name is the preset's, or empty.
func DefaultPath(start time.Time, name string) string {
	if name == "" {
		name = "sweep"
	}
	return filepath.Join("results", "runs", start.UTC().Format("20060102T150405Z")+"-"+name)
}

// Create makes the directory of a new run, parents included. A directory that exists must
// be empty and writable; everything else is a *DirectoryError.
func Create(path string) (*Directory, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, unwritable(path, err)
	}
	d := &Directory{path: path}
	if err := d.lock(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	switch {
	case err != nil:
		err = unwritable(path, err)
	case len(entries) > 0:
		err = occupied(path)
	default:
		if err = os.Mkdir(filepath.Join(path, figuresName), 0o755); err == nil {
			return d, nil
		}
		err = unwritable(path, err)
	}
	return nil, errors.Join(err, d.Close())
}

// Open opens the directory of a run for reading, or for resuming it. A path without a
// run's files is a *DirectoryError.
func Open(path string) (*Directory, error) {
	remedy := "name a directory that rrbench sweep has written"
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &DirectoryError{path, "does not exist", remedy, err}
	case err != nil:
		return nil, &DirectoryError{path, "cannot be read (" + reason(err) + ")", remedy, err}
	case !info.IsDir():
		return nil, &DirectoryError{path, "is not a directory", remedy, nil}
	}
	for _, name := range []string{trialsFile, summaryFile} {
		if info, err := os.Stat(filepath.Join(path, name)); err == nil && info.Mode().IsRegular() {
			return &Directory{path: path}, nil
		}
	}
	return nil, &DirectoryError{path, "holds neither " + trialsFile + " nor " + summaryFile, remedy, nil}
}

func occupied(path string) error {
	remedy := "name another one with --out, or empty it"
	if _, err := os.Stat(filepath.Join(path, trialsFile)); err == nil {
		remedy = fmt.Sprintf("name another one with --out, or continue that run with --resume %s", path)
	}
	return &DirectoryError{path, "is not empty", remedy, fs.ErrExist}
}

func unwritable(path string, err error) error {
	return &DirectoryError{path, "cannot be written (" + reason(err) + ")", "name another one with --out", err}
}

// reason is an error without the operation and the path that a *fs.PathError repeats.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// Path is the directory's path as it was given.
func (d *Directory) Path() string { return d.path }

func (d *Directory) file(name string) string { return filepath.Join(d.path, name) }

// Figures is the path of the directory of figures. It may not exist.
func (d *Directory) Figures() string { return d.file(figuresName) }

// CreateJournal starts trials.csv and windows.csv. It refuses where they are.
func (d *Directory) CreateJournal() (*Journal, error) {
	// A directory with trials.csv is a run: windows.csv is there before it.
	windows, err := newAppender[Window](d.file(windowsFile))
	if err == nil {
		var trials *appender[Trial]
		if trials, err = newAppender[Trial](d.file(trialsFile)); err == nil {
			return &Journal{trials, windows}, nil
		}
		_ = windows.close()
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, occupied(d.path)
	}
	return nil, unwritable(d.path, err)
}

// Journaled is what trials.csv and windows.csv hold. Damage tells what could not be read.
type Journaled struct {
	Trials  []Trial
	Windows []Window
	Damage  Damage
}

// ResumeJournal opens trials.csv and windows.csv to append to them. Half-written last lines
// are cut off; the rest of what they hold is returned, without what was repeated.
func (d *Directory) ResumeJournal() (*Journal, Journaled, error) {
	if err := d.lock(); err != nil {
		return nil, Journaled{}, err
	}
	refuse := func(file string, err error) error {
		return &DirectoryError{d.path, "cannot be resumed (" + file + ": " + reason(err) + ")", "start a new run with --out", err}
	}
	trials, rows, err := resumeAppender[Trial](d.file(trialsFile))
	if err != nil {
		return nil, Journaled{}, refuse(trialsFile, err)
	}
	windows, other, err := resumeAppender[Window](d.file(windowsFile))
	if err != nil {
		return nil, Journaled{}, errors.Join(refuse(windowsFile, err), trials.close())
	}
	return &Journal{trials, windows}, journaled(rows, other), nil
}

// journaled has the repetitions of a resumed run in place of what they repeat.
func journaled(trials Recovered[Trial], windows Recovered[Window]) Journaled {
	return Journaled{Latest(trials.Rows), LatestWindows(windows.Rows), slices.Concat(trials.Damage, windows.Damage)}
}

// Journaled reads trials.csv and windows.csv, tolerant of a writer that was killed. Beside an error it
// returns what can be read; the error is fs.ErrNotExist only where no file has another.
func (d *Directory) Journaled() (Journaled, error) {
	trials, noTrials := readFile[Trial](d.file(trialsFile))
	windows, noWindows := readFile[Window](d.file(windowsFile))
	return journaled(trials, windows), cmp.Or(unlessMissing(noTrials), unlessMissing(noWindows), noTrials, noWindows)
}

// Contents is what a run directory holds for tables and figures.
type Contents struct {
	Trials  []Trial
	Windows []Window
	// Summaries has one row a cell.
	Summaries []Summary
	// Copies has what was counted of hand-offs, nothing for most runs.
	Copies []Copies
	// Transports is what the manifest says of them, and nothing where there is no manifest.
	Transports Transports
	// Mixed is for a caption, empty where one program on one machine has measured all.
	Mixed string
	// Damage tells what could not be read, or is missing.
	Damage Damage
}

// Read reads all that a run has left. The summaries are computed from trials.csv and
// windows.csv, which hold what a killed run has finished; summary.csv stands in for cells of which that has no row. The
// error is that there is neither.
func (d *Directory) Read() (Contents, error) {
	manifest, noManifest := d.Manifest()
	trials, noTrials := readFile[Trial](d.file(trialsFile))
	summaries, noSummaries := readFile[Summary](d.file(summaryFile))
	windows, noWindows := readFile[Window](d.file(windowsFile))
	copies, noCopies := readFile[Copies](d.file(auditFile))
	damage := Damage{unlessMissing(noManifest), unlessMissing(noTrials), unlessMissing(noWindows), unlessMissing(noSummaries), unlessMissing(noCopies)}
	damage = slices.DeleteFunc(damage, func(err error) bool { return err == nil })
	lackOf, lacks := errors.AsType[missingColumns](noTrials)
	if _, both := errors.AsType[missingColumns](noSummaries); lacks && both && len(lackOf) < len(columns[Trial]())/2 {
		return Contents{}, &DirectoryError{Path: d.Path(), Cause: damage.Err(),
			Problem: fmt.Sprintf("is of another version of this program: %s has no column %s", trialsFile, strings.Join(lackOf, ", ")),
			Remedy:  fmt.Sprintf("read it with that which wrote it (%s)", cmp.Or(manifest.Versions.Program, UnknownVersion))}
	}
	if noTrials != nil && noSummaries != nil {
		return Contents{}, cmp.Or(damage.Err(), noTrials)
	}
	rows := journaled(trials, windows)
	c := Contents{Trials: rows.Trials, Windows: rows.Windows, Copies: copies.Rows, Transports: manifest.Transports}
	if manifest.Mixed != "" {
		c.Mixed = "Machines or programs were mixed, see manifest.json."
	}
	c.Damage = slices.Concat(damage, rows.Damage, summaries.Damage, copies.Damage)
	c.Summaries = Summarize(c.Trials, c.Windows, manifest.TickNs)
	known := make(map[Point]bool)
	for i := range c.Summaries {
		known[c.Summaries[i].point()] = true
	}
	lost := slices.DeleteFunc(summaries.Rows, func(s Summary) bool { return known[s.point()] })
	c.Summaries = append(c.Summaries, lost...)
	counted := manifest.Trials.OK + manifest.Trials.Skipped + manifest.Trials.Failed
	switch {
	case noTrials != nil:
	case len(lost) > 0:
		c.Damage = append(c.Damage, fmt.Errorf("%s: no row of cells that %s has (%d); their numbers are from there", d.file(trialsFile), summaryFile, len(lost)))
	case counted > len(c.Trials)+len(trials.Damage):
		c.Damage = append(c.Damage, fmt.Errorf("%s: %d rows, where %s counts %d", d.file(trialsFile), len(c.Trials), manifestFile, counted))
	}
	return c, nil
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readFile reads a file of rows as recoverRows does, and says what it is that is damaged. A file
// without a header is damaged.
func readFile[Row any](path string) (Recovered[Row], error) {
	file, err := open(path)
	if err != nil {
		return Recovered[Row]{}, err
	}
	defer file.Close()
	recovered, err := recoverRows[Row](file)
	if err != nil {
		return recovered, fmt.Errorf("%s: %w", path, err)
	}
	if recovered.Header == "" && len(recovered.Damage) == 0 {
		recovered.Damage = Damage{errors.New("line 1: header missing")}
	}
	recovered.Damage.in(path)
	return recovered, nil
}

// open opens a file for reading; a pipe, say, would never end.
func open(path string) (*os.File, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return os.Open(path)
}

// WriteSummaries replaces summary.csv.
func (d *Directory) WriteSummaries(summaries []Summary) error {
	var content bytes.Buffer
	if err := WriteSummaries(&content, summaries); err != nil {
		return err
	}
	return replace(d.file(summaryFile), content.Bytes())
}

// Manifest reads manifest.json.
func (d *Directory) Manifest() (Manifest, error) {
	file, err := open(d.file(manifestFile))
	if err != nil {
		return Manifest{}, err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return Manifest{}, err
	}
	var manifest Manifest
	if err := json.Unmarshal(content, &manifest); err != nil {
		return Manifest{}, fmt.Errorf("%s: not the JSON of a run: %w", file.Name(), err)
	}
	return manifest, nil
}

// WriteManifest replaces manifest.json in one step.
func (d *Directory) WriteManifest(manifest Manifest) error {
	content, err := manifest.encode()
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return replace(d.file(manifestFile), content)
}

// WriteFigure replaces a file in the directory of figures, and returns its path.
func (d *Directory) WriteFigure(name string, content []byte) (string, error) {
	path := filepath.Join(d.Figures(), name)
	return path, replace(path, content)
}

// Files are the paths of those files that the run itself has left.
func (d *Directory) Files() (paths []string) {
	for _, name := range []string{manifestFile, summaryFile, trialsFile, windowsFile, auditFile} {
		if info, err := os.Stat(d.file(name)); err == nil && info.Mode().IsRegular() {
			paths = append(paths, d.file(name))
		}
	}
	return paths
}

// Write replaces a file of what was made of the run, and returns its path.
func (d *Directory) Write(name string, content []byte) (string, error) {
	path := d.file(name)
	return path, replace(path, content)
}

// replace writes a file as a whole or not at all. Its temporary name stands beside it: no other
// directory is needed.
func replace(path string, content []byte) error {
	return renameio.WriteFile(path, content, 0o644, renameio.WithTempDir(filepath.Dir(path)))
}
