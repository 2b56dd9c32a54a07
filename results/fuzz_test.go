package results

import (
	"bytes"
	"errors"
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
		rows := newRowWriter[Trial](&out)
		if err := errors.Join(rows.header(), rows.write(trials)); err != nil {
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
