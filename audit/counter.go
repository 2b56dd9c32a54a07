package audit

import "fmt"

// counter counts what processes do.
type counter interface {
	// follow has a shim take part, and whatever processes it starts from now on.
	follow(pid int, family uint32) error
	// arm prepares for the recorded rounds of the batch that comes next, after everything
	// has been started and warmed up. The source is the shim whose runner tells the rounds.
	arm(source int) error
	// windowed says whether only recorded rounds are counted, and only while they are sent.
	windowed() bool
	// read returns the counts of the rounds since arm.
	read(rounds int) (*counts, error)
	close()
}

// counts is what a counter has found.
type counts struct {
	// sums of all rounds.
	sums map[key]value
	// participants that did anything, and names of their programs.
	participants map[uint32]participant
	// how says what counted each figure.
	how sources
}

// participant is a process.
type participant struct {
	// family is that of the shim that has started it, as told to follow.
	family uint32
	shim   bool
	name   string
}

// sources says what counted each figure, or why it was not counted: a text that begins with
// "not counted".
type sources struct {
	userCopies, calls, completions, pages, faults, switches, window string
}

func notCounted(format string, arguments ...any) string {
	return "not counted: " + fmt.Sprintf(format, arguments...)
}
