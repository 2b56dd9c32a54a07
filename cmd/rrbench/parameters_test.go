package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rrbench/catalogue"
	"rrbench/sweep"
)

// bad are values that those of a kind cannot mean, by the kind's name; of the rest, text stands
// for all that name something.
var bad = map[string][]string{
	"integer":    {"-1", "0", "1.9", "010", "99999999999999999999", "1e3", "0x10", "1_000", "many", ""},
	"size":       {"-1", "0", "0.3", "010", "4GiB", "99999999999999999999", "many", ""},
	"duration":   {"-5s", "0", "0s", "0.1ns", "010s", "25h", "1000000h", "99999999999999999999h", "10", "soon", ""},
	"percentage": {"-5%", "0", "0%", "5", "05%", "101%", "NaN%", "wide", ""},
	"bool":       {"-1", "0", "yes", ""},
	"text":       {"-1", "moon", "a\x1b[31m", ""},
}

// Each parameter of the table refuses what it cannot mean, by flag and in a file.
func TestParametersRefuse(t *testing.T) {
	stdout.Writer = io.Discard
	for _, p := range sweep.Parameters(catalogue.All()) {
		kind := strings.TrimSuffix(sweep.Flag{Parameter: p}.Type(), "s")
		values, ok := bad[kind]
		if !ok {
			values = bad["text"]
		}
		for _, value := range values {
			if value == "0" && strings.Contains(p.Help(), ": 0 to ") || p.Scope == sweep.OfCommand && kind == "file" && !strings.Contains(value, "\x1b") {
				continue // that one can mean it
			}
			if p.Name == "out" && (value == "-1" || value == "moon") {
				continue
			}
			refused(t, p.Name, "sweep", "--dry-run", "--"+p.Name+"="+value)
			text := value
			if strings.Contains(value, "\x1b") || value == "" {
				text = strconv.Quote(value)
			}
			if p.List() {
				text = "[" + text + "]"
			}
			refusedInFile(t, p.Name, text)
		}
		// Wrong kinds.
		refusedInFile(t, p.Name, "")
		refusedInFile(t, p.Name, "~")
		refusedInFile(t, p.Name, "[]")
		refusedInFile(t, p.Name, "[[1]]")
		refusedInFile(t, p.Name, "{a: 1}")
		if p.List() {
			refusedInFile(t, p.Name, "1")
		} else {
			refusedInFile(t, p.Name, "[1]")
		}
		if kind == "integer" && !p.List() {
			refusedInFile(t, p.Name, `"1"`)
		}
	}
}

func refusedInFile(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "one.yaml")
	write(t, path, "# The second line is wrong.\n"+name+": "+text+"\n")
	if message := refused(t, name, "sweep", "--dry-run", "--config", path); !strings.Contains(message, path+", line 2: ") {
		t.Errorf("%s: %s: %q names no line", name, text, message)
	}
}

// refused runs a command in this process, which has to end it with status 2 and a line with that name.
func refused(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	root := command()
	root.SetArgs(arguments)
	var message bytes.Buffer
	if code := status(&message, root.ExecuteContext(t.Context())); code != exitUsage {
		t.Errorf("%q: status %d: %s", arguments, code, &message)
	}
	if text := message.String(); !strings.Contains(text, name) || strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") {
		t.Errorf("%q: %q", arguments, text)
	}
	return message.String()
}
