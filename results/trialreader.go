package results

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Recovered is what a journal holds that may have lost its end.
type Recovered struct {
	Trials []Trial
	// Damage has one error for each thing that could not be read: a last line cut short
	// when the writer was killed, or a line that is no row.
	Damage []error
	// WholeBytes is the length of the file up to the end of its last complete line.
	WholeBytes int64
}

// RecoverTrials reads a trials.csv of which the writer may have been killed. A last line
// without its line break is ignored, other lines that cannot be parsed are left out; both
// are told in Damage. The error is one of reading, or a header that lacks columns. A
// journal without even a whole header has no trials.
func RecoverTrials(r io.Reader) (Recovered, error) {
	var recovered Recovered
	var header *layout
	reader := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			if line != "" {
				recovered.Damage = append(recovered.Damage, fmt.Errorf("line %d is cut short", number))
			}
			return recovered, nil
		}
		if err != nil {
			return recovered, fmt.Errorf("line %d: %w", number, err)
		}
		recovered.WholeBytes += int64(len(line))
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		fields, err := split(line)
		if header == nil {
			if err == nil {
				var l layout
				l, err = parseHeader(fields, trialColumns)
				header = &l
			}
			if err != nil {
				return recovered, fmt.Errorf("line %d: %w", number, err)
			}
			continue
		}
		var trial Trial
		if err == nil {
			trial, err = parseRow(*header, trialColumns, fields)
		}
		if err != nil {
			recovered.Damage = append(recovered.Damage, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		recovered.Trials = append(recovered.Trials, trial)
	}
}

// ReadTrials reads a trials.csv that must be whole: anything that RecoverTrials would
// leave out is an error that names the line and the column.
func ReadTrials(r io.Reader) ([]Trial, error) {
	recovered, err := RecoverTrials(r)
	if err != nil {
		return nil, err
	}
	if recovered.WholeBytes == 0 {
		return nil, errors.New("line 1: header missing")
	}
	if len(recovered.Damage) > 0 {
		return nil, recovered.Damage[0]
	}
	return recovered.Trials, nil
}

// Latest keeps the last row of each hand-off and target, in the order in which the
// hand-offs first occurred. A run that was killed amid a round repeats the round when it
// is resumed; the repetition counts.
func Latest(trials []Trial) []Trial {
	type key struct{ cell, block, rep, worker, target int }
	at := make(map[key]int, len(trials))
	latest := make([]Trial, 0, len(trials))
	for _, trial := range trials {
		k := key{trial.CellIndex, trial.Block, trial.Rep, trial.Worker, trial.Target}
		if i, again := at[k]; again {
			latest[i] = trial
			continue
		}
		at[k] = len(latest)
		latest = append(latest, trial)
	}
	return latest
}
