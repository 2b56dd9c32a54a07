package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Journal is trials.csv and windows.csv while a run writes them. Rows go to the file as they
// are appended, so the death of the process loses none; Close makes them outlive the
// machine's death too. A Journal is used by one goroutine at a time.
type Journal struct {
	trials  *appender[Trial]
	windows *appender[Window]
}

// Append writes the rows of a batch with one system call. When it fails, the journal ends
// where it ended before, as far as the file system allows, so a later Append is sound.
func (j *Journal) Append(trials []Trial) error { return j.trials.append(trials) }

// AppendWindow is Append for a window.
func (j *Journal) AppendWindow(window Window) error { return j.windows.append([]Window{window}) }

// Close forces the rows to the disk and ends the journal.
func (j *Journal) Close() error {
	return errors.Join(j.windows.close(), j.trials.close())
}

// appender is one file of a journal.
type appender[Row any] struct {
	file   *os.File
	length int64
	buffer bytes.Buffer
	rows   *rowWriter[Row]
}

// newAppender starts a file with its header. It refuses one that exists, so two runs
// cannot write into one directory.
func newAppender[Row any](path string) (*appender[Row], error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	a := appenderTo[Row](file, 0)
	if err := a.header(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return a, nil
}

// resumeAppender opens a file to append to it, cuts off a half-written last line, and
// returns what the file holds. One that is missing is made.
func resumeAppender[Row any](path string) (_ *appender[Row], _ Recovered[Row], err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, Recovered[Row]{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	recovered, err := recoverRows[Row](file)
	if err != nil {
		return nil, recovered, err
	}
	recovered.Damage.in(path)
	a := appenderTo[Row](file, recovered.WholeBytes)
	if err := a.cut(); err != nil {
		return nil, recovered, err
	}
	if recovered.WholeBytes == 0 {
		return a, recovered, a.header()
	}
	if recovered.Header != strings.Join(columns[Row](), ",") {
		return nil, recovered, errors.New("its columns are those of another version of this program; start a new run instead")
	}
	return a, recovered, nil
}

func appenderTo[Row any](file *os.File, length int64) *appender[Row] {
	a := &appender[Row]{file: file, length: length}
	a.rows = newRowWriter[Row](&a.buffer)
	return a
}

func (a *appender[Row]) append(rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	a.buffer.Reset()
	if err := a.rows.write(rows); err != nil {
		return err
	}
	return a.flush()
}

func (a *appender[Row]) header() error {
	a.buffer.Reset()
	if err := a.rows.header(); err != nil {
		return err
	}
	return a.flush()
}

func (a *appender[Row]) flush() error {
	written, err := a.file.Write(a.buffer.Bytes())
	if err != nil {
		err = fmt.Errorf("journal: %w: the run's last rows are not in it; free space or name another directory", err)
		return errors.Join(err, a.cut())
	}
	a.length += int64(written)
	return nil
}

// cut ends the file after its last complete row.
func (a *appender[Row]) cut() error {
	if err := a.file.Truncate(a.length); err != nil {
		return fmt.Errorf("journal: cutting off a half-written row: %w", err)
	}
	_, err := a.file.Seek(a.length, io.SeekStart)
	return err
}

func (a *appender[Row]) close() error {
	err := a.file.Sync()
	return errors.Join(err, a.file.Close())
}
