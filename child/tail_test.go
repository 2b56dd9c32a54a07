package child

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	for _, test := range []struct{ said, line string }{
		{"", ""},
		{"starting\n\nbind: path too long\n\n", "bind: path too long"},
		{"one line without an end", "one line without an end"},
		{"starting\npanic: out of luck\n\ngoroutine 1 [running]:\n" + strings.Repeat("stack\n", TailLimit), "panic: out of luck"},
	} {
		var tail Tail
		for said := []byte(test.said); len(said) > 0; said = said[min(7, len(said)):] {
			if _, err := tail.Write(said[:min(7, len(said))]); err != nil {
				t.Fatal(err)
			}
		}
		line, all := tail.Said()
		if line != test.line || len(all) > TailLimit || !strings.HasSuffix(test.said, all) {
			t.Errorf("%.40q: line %q, %d bytes", test.said, line, len(all))
		}
	}
}
