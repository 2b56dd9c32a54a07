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
		journal := newJournal(nil, 0)
		journal.encode(trials)
		return append([]byte(strings.Join(TrialColumns(), ",")+"\n"), journal.buffer.Bytes()...)
	}
	f.Fuzz(func(t *testing.T, text string) {
		recovered, err := RecoverTrials(strings.NewReader(text))
		if recovered.WholeBytes > int64(len(text)) {
			t.Fatalf("%d whole bytes of %d", recovered.WholeBytes, len(text))
		}
		if err != nil {
			return
		}
		Summarize(Latest(recovered.Trials))
		// What was understood survives being written and read.
		once := rewrite(recovered.Trials)
		trials, err := ReadTrials(bytes.NewReader(once))
		if err != nil || len(trials) != len(recovered.Trials) {
			t.Fatalf("%d trials became %d: %v", len(recovered.Trials), len(trials), err)
		}
		if twice := rewrite(trials); !bytes.Equal(once, twice) {
			t.Fatalf("written twice, it differs:\n%s\n%s", once, twice)
		}
	})
}
