package results

import (
	"errors"
	"io"
)

// For the tests outside of the package.
var (
	ReadTrials    = readRows[Trial]
	RecoverTrials = recoverRows[Trial]
	TrialColumns  = columns[Trial]

	ReadSummaries  = readRows[Summary]
	WriteSummaries = WriteRows[Summary]
	SummaryColumns = columns[Summary]
	Holm           = holm
)

// readRows reads a file that must be whole.
func readRows[Row any](r io.Reader) ([]Row, error) {
	recovered, err := recoverRows[Row](r)
	switch {
	case err != nil:
		return nil, err
	case recovered.WholeBytes == 0:
		return nil, errors.New("line 1: header missing")
	case len(recovered.Damage) > 0:
		return nil, recovered.Damage[0]
	}
	return recovered.Rows, nil
}
