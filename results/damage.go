package results

import (
	"errors"
	"fmt"
	"strings"
)

// Damage is what of a run's files cannot be read or is missing: an error for each line, or for
// a file as a whole, which names it.
type Damage []error

func (d Damage) in(path string) {
	for i := range d {
		d[i] = fmt.Errorf("%s: %w", path, d[i])
	}
}

// Lines names the first few, one line each, and counts the others.
func (d Damage) Lines() (lines []string) {
	const named = 5
	for i, err := range d {
		if i == named {
			return append(lines, fmt.Sprintf("and %d more", len(d)-named))
		}
		lines = append(lines, err.Error())
	}
	return lines
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
	switch len(d) {
	case 0:
		return ""
	case 1:
		return "The run's files are damaged in 1 place; what cannot be read is left out."
	}
	return fmt.Sprintf("The run's files are damaged in %d places; what cannot be read is left out.", len(d))
}
