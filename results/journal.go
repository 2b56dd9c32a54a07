package results

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Journal is trials.csv while a run writes it. Rows go to the file as they are appended,
// so the death of the process loses none; Close makes them outlive the machine's death
// too. A Journal is used by one goroutine at a time.
type Journal struct {
	file   *os.File
	length int64
	buffer bytes.Buffer
	rows   *csv.Writer
	fields []string
}

// createJournal starts a journal with its header. It refuses a file that exists, so two
// runs cannot write into one directory.
func createJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	journal := newJournal(file, 0)
	if err := journal.writeHeader(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return journal, nil
}

// resumeJournal opens a journal to append to it, cuts off a half-written last line, and
// returns what the journal holds.
func resumeJournal(path string) (*Journal, Recovered, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, Recovered{}, err
	}
	journal, recovered, err := continueJournal(file)
	if err != nil {
		return nil, Recovered{}, errors.Join(err, file.Close())
	}
	return journal, recovered, nil
}

func continueJournal(file *os.File) (*Journal, Recovered, error) {
	recovered, err := RecoverTrials(file)
	if err != nil {
		return nil, Recovered{}, err
	}
	journal := newJournal(file, recovered.WholeBytes)
	if err := journal.cut(); err != nil {
		return nil, Recovered{}, err
	}
	if recovered.WholeBytes == 0 {
		return journal, recovered, journal.writeHeader()
	}
	header := strings.Join(TrialColumns(), ",") + "\n"
	found := make([]byte, len(header))
	if _, err := file.ReadAt(found, 0); err != nil && err != io.EOF {
		return nil, Recovered{}, err
	}
	if string(found) != header {
		return nil, Recovered{}, errors.New("its columns are those of another version of this program; start a new run instead")
	}
	return journal, recovered, nil
}

func newJournal(file *os.File, length int64) *Journal {
	journal := &Journal{file: file, length: length, fields: make([]string, len(trialColumns))}
	journal.rows = csv.NewWriter(&journal.buffer)
	return journal
}

// Append writes the rows of a batch with one system call. When it fails, the journal ends
// where it ended before, as far as the file system allows, so a later Append is sound.
func (j *Journal) Append(trials []Trial) error {
	if len(trials) == 0 {
		return nil
	}
	j.encode(trials)
	return j.flush()
}

// encode puts rows into the buffer. The writer cannot fail: it writes into memory.
func (j *Journal) encode(trials []Trial) {
	j.buffer.Reset()
	for i := range trials {
		for c := range trialColumns {
			j.fields[c] = trialColumns[c].get(&trials[i])
		}
		j.rows.Write(j.fields)
	}
	j.rows.Flush()
}

func (j *Journal) writeHeader() error {
	j.buffer.Reset()
	j.rows.Write(TrialColumns())
	j.rows.Flush()
	return j.flush()
}

func (j *Journal) flush() error {
	written, err := j.file.Write(j.buffer.Bytes())
	if err != nil {
		err = fmt.Errorf("journal: %w: the run's last rows are not in it; free space or name another directory", err)
		return errors.Join(err, j.cut())
	}
	j.length += int64(written)
	return nil
}

// cut ends the file after its last complete row.
func (j *Journal) cut() error {
	if err := j.file.Truncate(j.length); err != nil {
		return fmt.Errorf("journal: cutting off a half-written row: %w", err)
	}
	_, err := j.file.Seek(j.length, io.SeekStart)
	return err
}

// Close forces the rows to the disk and ends the journal.
func (j *Journal) Close() error {
	err := j.file.Sync()
	return errors.Join(err, j.file.Close())
}
