package results

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// The files of a run directory.
const (
	manifestFile = "manifest.json"
	trialsFile   = "trials.csv"
	windowsFile  = "windows.csv"
	summaryFile  = "summary.csv"
	figuresName  = "figures"
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
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
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

// Figures is the path of the directory of figures. It may not exist.
func (d *Directory) Figures() string { return filepath.Join(d.path, figuresName) }

// CreateJournal starts trials.csv and windows.csv. It refuses where they are.
func (d *Directory) CreateJournal() (*Journal, error) {
	trials, err := newAppender[Trial](filepath.Join(d.path, trialsFile))
	if err == nil {
		var windows *appender[Window]
		if windows, err = newAppender[Window](filepath.Join(d.path, windowsFile)); err == nil {
			return &Journal{trials, windows}, nil
		}
		_ = trials.close()
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, occupied(d.path)
	}
	return nil, unwritable(d.path, err)
}

// ResumeJournal opens trials.csv and windows.csv to append to them. Half-written last lines
// are cut off; the rest of what trials.csv holds is returned.
func (d *Directory) ResumeJournal() (*Journal, Recovered[Trial], error) {
	if err := d.lock(); err != nil {
		return nil, Recovered[Trial]{}, err
	}
	refuse := func(file string, err error) error {
		return &DirectoryError{d.path, "cannot be resumed (" + file + ": " + reason(err) + ")", "start a new run with --out", err}
	}
	trials, recovered, err := resumeAppender[Trial](filepath.Join(d.path, trialsFile))
	if err != nil {
		return nil, recovered, refuse(trialsFile, err)
	}
	windows, _, err := resumeAppender[Window](filepath.Join(d.path, windowsFile))
	if err != nil {
		return nil, recovered, errors.Join(refuse(windowsFile, err), trials.close())
	}
	for i := range recovered.Damage {
		recovered.Damage[i] = fmt.Errorf("%s: %w", filepath.Join(d.path, trialsFile), recovered.Damage[i])
	}
	return &Journal{trials, windows}, recovered, nil
}

// Trials reads trials.csv, tolerant of a writer that was killed, with the repetitions of
// a resumed run in place of what they repeat. Damage tells what could not be read.
func (d *Directory) Trials() (trials []Trial, damage []error, err error) {
	file, err := os.Open(filepath.Join(d.path, trialsFile))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	recovered, err := recoverRows[Trial](file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return Latest(recovered.Rows), recovered.Damage, nil
}

// Summaries returns one row a cell. They are computed from trials.csv, which holds what a
// killed run has finished; summary.csv stands in for it when only that is there.
func (d *Directory) Summaries() ([]Summary, error) {
	trials, _, err := d.Trials()
	if err == nil {
		return Summarize(trials), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	path := filepath.Join(d.path, summaryFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	summaries, err := ReadSummaries(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return summaries, nil
}

// WriteSummaries replaces summary.csv.
func (d *Directory) WriteSummaries(summaries []Summary) error {
	var content bytes.Buffer
	if err := WriteSummaries(&content, summaries); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(d.path, summaryFile), content.Bytes(), 0o644)
}

// Manifest reads manifest.json.
func (d *Directory) Manifest() (Manifest, error) {
	path := filepath.Join(d.path, manifestFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, err
	}
	manifest, err := parseManifest(content)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", path, err)
	}
	return manifest, nil
}

// WriteManifest replaces manifest.json in one step.
func (d *Directory) WriteManifest(manifest Manifest) error {
	content, err := manifest.encode()
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return renameio.WriteFile(filepath.Join(d.path, manifestFile), content, 0o644)
}
