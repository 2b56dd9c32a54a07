package results_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"rrbench/results"
)

func journalText(t *testing.T, trials []results.Trial) string {
	t.Helper()
	directory := newDirectory(t)
	write(t, directory, trials)
	content, err := os.ReadFile(filepath.Join(directory.Path(), "trials.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestReadTrialsNamesTheDamage(t *testing.T) {
	text := journalText(t, someTrials())
	lines := strings.SplitAfter(text, "\n")
	rows := len(lines) - 2
	third := strings.Split(lines[3], ",")
	with := func(column, value string) string {
		fields := append([]string(nil), third...)
		for i, name := range results.TrialColumns() {
			if name == column {
				fields[i] = value
			}
		}
		return strings.Join(lines[:3], "") + strings.TrimSuffix(strings.Join(fields, ","), "\n") + "\n" + strings.Join(lines[4:], "")
	}
	for name, test := range map[string]struct {
		text, message string
		kept          int
	}{
		"empty":            {"", "header missing", 0},
		"cut short":        {text[:len(text)-5], "line 9 is cut short", rows - 1},
		"not a number":     {with("latency_ns", "fast"), `line 4: column latency_ns: "fast" is no int64`, rows - 1},
		"number too large": {with("rep", "99999999999999999999"), "line 4: column rep", rows - 1},
		"unknown status":   {with("status", "fine"), `line 4: column status: "fine" is neither ok, skipped nor failed`, rows - 1},
		"short digest":     {with("digest", "12"), "not 16 hexadecimal digits", rows - 1},
		"not finite":       {with("minor_faults", "NaN"), `"NaN" is neither 0 nor a number`, rows - 1},
		"never measured":   {with("latency_ns", "9000000000000000000"), "line 4: column latency_ns: 9000000000000000000 is not within", rows - 1},
		"negative":         {with("fanout", "-1"), "line 4: column fanout: -1 is not within 0 to", rows - 1},
		"next to nothing":  {with("minor_faults", "1e-300"), `line 4: column minor_faults: "1e-300" is neither 0 nor a number of 1e-12 to 1e+19`, rows - 1},
		"decimal comma":    {with("latency_ns", `"12,5"`), `line 4: column latency_ns: "12,5" is no int64`, rows - 1},
		"too few fields":   {strings.Join(lines[:3], "") + "1,2,3\n" + strings.Join(lines[4:], ""), "line 4: 3 fields where the header has 50", rows - 1},
		"empty line":       {strings.Join(lines[:3], "") + "\n" + strings.Join(lines[4:], ""), "line 4: 1 fields", rows - 1},
		"open quote":       {with("reason", `"open`), "line 4:", rows - 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := results.ReadTrials(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("got %v, want %s", err, test.message)
			}
			recovered, err := results.RecoverTrials(strings.NewReader(test.text))
			if err != nil || len(recovered.Rows) != test.kept {
				t.Errorf("recovered %d of %d, %v", len(recovered.Rows), test.kept, err)
			}
		})
	}
}

func TestReadTrialsHeaders(t *testing.T) {
	text := journalText(t, someTrials())
	want, err := results.ReadTrials(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var other strings.Builder
	extra := "later"
	for line := range strings.Lines(text) {
		first, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ",")
		other.WriteString(rest + "," + extra + "," + first + "\r\n")
		extra = "x"
	}
	for name, text := range map[string]string{
		"as a spreadsheet saves it":      "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"),
		"another order and more columns": other.String(),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := results.ReadTrials(strings.NewReader(text)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	for name, test := range map[string][2]string{
		"missing column": {strings.Replace(text, ",digest\n", "\n", 1), "columns missing: digest"},
		"column twice":   {strings.Replace(text, ",digest\n", ",trial\n", 1), `column "trial" occurs twice`},
		"semicolons":     {strings.ReplaceAll(text, ",", ";"), "header: semicolons or tabs between columns"},
		"UTF-16":         {"\xff\xfet\x00r\x00i\x00a\x00l\x00\n\x00", "header: the text is UTF-16"},
		"something else": {"hello\n", "columns missing: trial, cell"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := results.ReadTrials(strings.NewReader(test[0]))
			if err == nil || !strings.Contains(err.Error(), test[1]) {
				t.Errorf("got %v, want %s", err, test[1])
			}
		})
	}
}

func TestLatestKeepsTheRepetition(t *testing.T) {
	trials := someTrials()
	again := trials[2]
	again.Latency = 1
	latest := results.Latest(append(append([]results.Trial(nil), trials...), again))
	if len(latest) != len(trials) || latest[2].Latency != 1 || latest[3].Trial != trials[3].Trial {
		t.Errorf("got %+v", latest)
	}
}
