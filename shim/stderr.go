package shim

import (
	"bytes"
	"strings"
	"sync"
)

// StderrTail keeps the end of a shim's standard error, and the line in which a runtime
// announced its own end, which a stack trace would push out.
type StderrTail struct {
	mutex sync.Mutex
	kept  []byte
	line  []byte
	crash string
}

const keptStderr = 8 << 10

// Write never fails, so that a shim never blocks on its standard error.
func (l *StderrTail) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - keptStderr; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	for rest := p; l.crash == "" && len(rest) > 0; {
		line, after, complete := bytes.Cut(rest, []byte("\n"))
		if room := keptStderr - len(l.line); len(line) > room {
			line = line[:room]
		}
		l.line = append(l.line, line...)
		if complete {
			if announcesEnd(l.line) {
				l.crash = string(l.line)
			}
			l.line = l.line[:0]
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

// Reason is the part of an ExitReason that standard error tells.
func (l *StderrTail) Reason(shim, where string) ExitReason {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := strings.ToValidUTF8(string(l.kept), "\uFFFD")
	line := l.crash
	if line == "" {
		trimmed := strings.TrimRight(all, "\n")
		line = strings.TrimSpace(trimmed[strings.LastIndexByte(trimmed, '\n')+1:])
	}
	return ExitReason{Shim: shim, Where: where, Line: line, Stderr: all}
}
