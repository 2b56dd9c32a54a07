package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/results"
	"rrbench/sweep"
)

// A progress line that is drawn again and again stays in one line of the terminal, and a terminal
// that cannot go back gets none.
func TestProgressFitsItsTerminal(t *testing.T) {
	for _, test := range []struct {
		kind    string
		columns uint16
		drawn   bool
	}{{"xterm", 200, true}, {"xterm", 74, true}, {"xterm", 40, true}, {"xterm", 9, true}, {"xterm", 0, false}, {"dumb", 80, false}, {"", 80, false}} {
		t.Run(fmt.Sprint(test.kind, test.columns), func(t *testing.T) {
			t.Setenv("TERM", test.kind)
			ours, terminal := openTerminal(t, test.columns)
			progress := newProgress(terminal, false)
			cell := sweep.PlannedCell{Point: results.Point{Cell: results.Cell{Transport: "network/zerocopy", Engine: "wasmtime", Codec: "none", SizeBytes: 1 << 20, Fanout: 100, Concurrency: 10}}}
			for block := range 10 {
				progress.Visiting(sweep.Advance{Block: block, Blocks: 10, Cell: cell, Done: time.Duration(block) * time.Second, Left: time.Duration(10-block) * time.Second})
			}
			progress.End()
			fmt.Fprintln(terminal, "end")
			terminal.Close()
			text, _ := io.ReadAll(ours) // an error says that the other side is closed
			text = []byte(strings.ReplaceAll(string(text), "\r\n", "\n"))
			if drawn := strings.Contains(string(text), "\r"); drawn != test.drawn || !strings.HasSuffix(string(text), "end\n") {
				t.Errorf("%q", text)
			}
			for _, line := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '\r' || r == '\n' }) {
				if n := len([]rune(line)); test.drawn && n >= int(test.columns) {
					t.Errorf("%d letters: %q", n, line)
				}
			}
		})
	}
}

// openTerminal opens both sides of a terminal of that width.
func openTerminal(t *testing.T, columns uint16) (ours, terminal *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return ours, terminal
}
