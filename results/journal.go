package results

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jszwec/csvutil"
)

// Journal is trials.csv and windows.csv while a run writes them. Rows go to the file as they
// are appended, so the death of the process loses none; Close makes them outlive the
// machine's death too. A Journal is used by one goroutine at a time.
type Journal struct {
	trials  *appender[Trial]
	windows *appender[Window]
}

// Append writes rows with one system call. When it fails, the journal ends where it ended before, if that can be.
func (j *Journal) Append(trials []Trial) error { return j.trials.append(trials) }

// AppendWindow is Append for a window.
func (j *Journal) AppendWindow(window Window) error { return j.windows.append([]Window{window}) }

// Close forces the rows to the disk and ends the journal.
func (j *Journal) Close() error { return errors.Join(j.windows.close(), j.trials.close()) }

type appender[Row any] struct {
	file    *os.File
	length  int64
	buffer  bytes.Buffer
	lines   *csv.Writer
	encoder *csvutil.Encoder
}

// openAppender opens a file to append to it, and returns what it holds. One that is missing is made; with os.O_EXCL
// another is refused, so two runs cannot write into one directory.
func openAppender[Row any](path string, flag int) (_ *appender[Row], recovered Recovered[Row], err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flag, 0o644)
	if err != nil {
		return nil, recovered, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if recovered, err = recoverRows[Row](file); err != nil {
		return nil, recovered, err
	}
	recovered.Damage.in(path)
	a := &appender[Row]{file: file, length: recovered.WholeBytes}
	a.lines, a.encoder = newEncoder(&a.buffer)
	if err := a.cut(); err != nil {
		return nil, recovered, err
	}
	if a.length == 0 {
		return a, recovered, a.append(nil)
	}
	if recovered.Header != strings.Join(columns[Row](), ",") {
		return nil, recovered, errors.New("its columns are those of another version of this program; start a new run instead")
	}
	return a, recovered, nil
}

func (a *appender[Row]) append(rows []Row) error {
	a.buffer.Reset()
	if a.length == 0 {
		if err := a.encoder.EncodeHeader(*new(Row)); err != nil {
			return err
		}
	}
	if err := a.encoder.Encode(rows); err != nil {
		return err
	}
	a.lines.Flush()
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
	return errors.Join(a.file.Sync(), a.file.Close())
}
