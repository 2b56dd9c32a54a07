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

	"github.com/dustin/go-humanize/english"
	"github.com/google/renameio/v2"
)

// The files of a run directory.
const (
	manifestFile = "manifest.json"
	trialsFile   = "trials.csv"
	windowsFile  = "windows.csv"
	summaryFile  = "summary.csv"
	auditFile    = "audit.csv"

	FiguresDirectory = "figures"

	// What is made of a run: what it was judged by, the verdicts, the page.
	ClaimsSourceFile = "claims.yaml"
	ClaimsFile       = "claims.csv"
	ReportFile       = "report.html"
)

// Directory is where a run's results are. The process that creates one, or resumes its journal, is its only
// writer until Close.
type Directory struct {
	path   string
	locked *os.File
}

// DirectoryError is a directory that cannot be used as asked, an error of usage.
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

// DefaultPath is the directory of a run that was not given one; it sorts by time.
func DefaultPath(start time.Time, name string) string {
	if name == "" {
		name = "sweep"
	}
	return filepath.Join("results", "runs", start.UTC().Format("20060102T150405Z")+"-"+name)
}

// Create makes the directory of a new run. One that exists must be empty and writable.
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
		if err = os.Mkdir(filepath.Join(path, FiguresDirectory), 0o755); err == nil {
			return d, nil
		}
		err = unwritable(path, err)
	}
	return nil, errors.Join(err, d.Close())
}

// Open opens the directory of a run, which has a run's files, for reading, or for resuming it.
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
	if d := (&Directory{path: path}); d.has(trialsFile) || d.has(summaryFile) {
		return d, nil
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
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// Path is the directory's path as it was given.
func (d *Directory) Path() string { return d.path }

func (d *Directory) file(name string) string { return filepath.Join(d.path, name) }

func (d *Directory) has(name string) bool {
	info, err := os.Stat(d.file(name))
	return err == nil && info.Mode().IsRegular()
}

// Figures is the path of the directory of figures. It may not exist.
func (d *Directory) Figures() string { return d.file(FiguresDirectory) }

// CreateJournal starts trials.csv and windows.csv. It refuses where they are.
func (d *Directory) CreateJournal() (*Journal, error) {
	journal, _, _, err := d.openJournal(os.O_EXCL)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, occupied(d.path)
	case err != nil:
		return nil, unwritable(d.path, err)
	}
	return journal, nil
}

func (d *Directory) openJournal(flag int) (_ *Journal, _ Journaled, file string, err error) {
	// A directory with trials.csv is a run: windows.csv is there before it.
	windows, other, err := openAppender[Window](d.file(windowsFile), flag)
	if err != nil {
		return nil, Journaled{}, windowsFile, err
	}
	trials, rows, err := openAppender[Trial](d.file(trialsFile), flag)
	if err != nil {
		return nil, Journaled{}, trialsFile, errors.Join(err, windows.close())
	}
	return &Journal{trials, windows}, journaled(rows, other), "", nil
}

// Journaled is what trials.csv and windows.csv hold. Damage is what could not be read.
type Journaled struct {
	Trials  []Trial
	Windows []Window
	Damage  Damage
}

// ResumeJournal opens them to append, cuts off half-written last lines, and returns the rest.
func (d *Directory) ResumeJournal() (*Journal, Journaled, error) {
	if err := d.lock(); err != nil {
		return nil, Journaled{}, err
	}
	journal, rows, file, err := d.openJournal(0)
	if err != nil {
		err = &DirectoryError{d.path, "cannot be resumed (" + file + ": " + reason(err) + ")", "start a new run with --out", err}
	}
	return journal, rows, err
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
	Journaled
	Summaries []Summary
	Copies    []Copies
	// Transports are those of the manifest; none where there is no manifest.
	Transports Transports
	// Mixed is for a caption, empty where one program on one machine has measured all.
	Mixed string
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
	c := Contents{Journaled: rows, Copies: copies.Rows, Transports: manifest.Transports}
	if manifest.Mixed != "" {
		c.Mixed = "Machines or programs were mixed, see manifest.json."
	}
	c.Damage = slices.Concat(damage, rows.Damage, summaries.Damage, copies.Damage)
	c.Summaries = Summarize(c.Trials, c.Windows, manifest.TickNs)
	known := make(map[Point]bool)
	for i := range c.Summaries {
		known[c.Summaries[i].Point()] = true
	}
	lost := slices.DeleteFunc(summaries.Rows, func(s Summary) bool { return known[s.Point()] })
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

// readFile is recoverRows of a file, which without a header is damaged.
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

// open opens a regular file for reading: reading a pipe, for example, might never end.
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
	return writeFile(d.file(summaryFile), summaries)
}

// WriteCopies writes audit.csv.
func (d *Directory) WriteCopies(rows []Copies) error { return writeFile(d.file(auditFile), rows) }

func writeFile[Row any](path string, rows []Row) error {
	var content bytes.Buffer
	if err := WriteRows(&content, rows); err != nil {
		return err
	}
	return replace(path, content.Bytes())
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
	content, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return replace(d.file(manifestFile), append(content, '\n'))
}

// Files are the paths of those files that the run itself has left.
func (d *Directory) Files() (paths []string) {
	for _, name := range []string{manifestFile, summaryFile, trialsFile, windowsFile, auditFile} {
		if d.has(name) {
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

// replace writes a file as a whole or not at all, by way of a temporary one beside it.
func replace(path string, content []byte) error {
	return renameio.WriteFile(path, content, 0o644, renameio.WithTempDir(filepath.Dir(path)))
}

// Damage is what of a run's files cannot be read or is missing.
type Damage []error

func (d Damage) in(path string) {
	for i := range d {
		d[i] = fmt.Errorf("%s: %w", path, d[i])
	}
}

// Lines names the first few, one line each, and counts the others.
func (d Damage) Lines() (lines []string) {
	for _, err := range d {
		lines = append(lines, err.Error())
	}
	return First(lines, "and %d more")
}

// Err is the lines as an error, and nil without damage.
func (d Damage) Err() error {
	if len(d) == 0 {
		return nil
	}
	return errors.New(strings.Join(d.Lines(), "\n"))
}

// Note counts the damage for a caption; it is empty without.
func (d Damage) Note() string {
	if len(d) == 0 {
		return ""
	}
	return fmt.Sprintf("The run's files are damaged in %d %s; what cannot be read is left out.", len(d), english.PluralWord(len(d), "place", ""))
}
