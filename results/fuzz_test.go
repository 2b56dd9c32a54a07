package results

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func FuzzRecoverTrials(f *testing.F) {
	content, err := os.ReadFile("testdata/trials.csv")
	if err != nil {
		f.Fatal(err)
	}
	header, rows, _ := strings.Cut(string(content), "\n")
	header += "\n"
	some := header + strings.Join(strings.SplitAfter(rows, "\n")[:3], "")
	f.Add(some)
	f.Add(some[:len(some)-20])
	f.Add(strings.Replace(some, "ok", `"o""k`, 1))
	f.Add(strings.Replace(some, ",", ",\r", 40))
	f.Add("")
	rewrite := func(trials []Trial) []byte {
		var out bytes.Buffer
		if err := WriteRows(&out, trials); err != nil {
			f.Fatal(err)
		}
		return out.Bytes()
	}
	f.Fuzz(func(t *testing.T, text string) {
		recovered, err := RecoverTrials(strings.NewReader(text))
		if recovered.WholeBytes > int64(len(text)) {
			t.Fatalf("%d whole bytes of %d", recovered.WholeBytes, len(text))
		}
		if err != nil {
			return
		}
		Summarize(Latest(recovered.Rows), nil, 0)
		// What was understood survives being written and read.
		once := rewrite(recovered.Rows)
		trials, err := ReadTrials(bytes.NewReader(once))
		if err != nil || len(trials) != len(recovered.Rows) {
			t.Fatalf("%d trials became %d: %v", len(recovered.Rows), len(trials), err)
		}
		if twice := rewrite(trials); !bytes.Equal(once, twice) {
			t.Fatalf("written twice, it differs:\n%s\n%s", once, twice)
		}
	})
}

// Whatever windows.csv says, a summary is made of it.
func FuzzRecoverWindows(f *testing.F) {
	content, err := os.ReadFile("testdata/windows.csv")
	if err != nil {
		f.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	f.Add(lines[0] + lines[1] + lines[2])
	f.Add(lines[0] + strings.Replace(lines[1], ",20000", ",-3000000000000000000", 1))
	f.Add(lines[0] + strings.Replace(lines[1], "HISTF", "HISTE", 1))
	f.Fuzz(func(t *testing.T, text string) {
		recovered, err := recoverRows[Window](strings.NewReader(text))
		if err != nil {
			return
		}
		windows := LatestWindows(recovered.Rows)
		var trials []Trial
		for i := range windows {
			trials = append(trials, Trial{CellIndex: windows[i].CellIndex, Point: windows[i].Point, Status: OK, Latency: 5})
		}
		summaries := Summarize(trials, windows, 0)
		var out bytes.Buffer
		if err := WriteSummaries(&out, summaries); err != nil {
			t.Fatal(err)
		}
		if again, err := ReadSummaries(&out); err != nil || len(again) != len(summaries) {
			t.Fatalf("%d cells became %d: %v", len(summaries), len(again), err)
		}
	})
}
