package child

import (
	"bytes"
	"cmp"
	"strings"
	"sync"

	"rrbench/foreign"
)

// Tail keeps the end of what a process writes, and the line in which a runtime announced its own
// end, which a stack trace would push out.
type Tail struct {
	mutex sync.Mutex
	kept  []byte
	line  []byte
	crash string
}

// TailLimit is how much a Tail keeps, in bytes.
const TailLimit = 8 << 10

// Write never fails, so that a process never blocks on its output.
func (t *Tail) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - TailLimit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	for rest := p; t.crash == "" && len(rest) > 0; {
		line, after, complete := bytes.Cut(rest, []byte("\n"))
		if room := TailLimit - len(t.line); len(line) > room {
			line = line[:room]
		}
		t.line = append(t.line, line...)
		if complete {
			if announcesEnd(t.line) {
				t.crash = string(t.line)
			}
			t.line = t.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

// announcesEnd recognises the first line of a crash of the Go runtime.
func announcesEnd(line []byte) bool {
	for _, prefix := range []string{"panic: ", "fatal error: ", "SIG"} {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return true
		}
	}
	return false
}

// Said is the line that says most, as foreign.Line has it, and the last TailLimit bytes.
func (t *Tail) Said() (line, all string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	all = strings.ToValidUTF8(string(t.kept), "\uFFFD")
	return foreign.Line(cmp.Or(t.crash, LastLine(all)), foreign.Usual), all
}

// LastLine is the last line that is not empty: as a rule it is in there that a program which ends
// says why.
func LastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
