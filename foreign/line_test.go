package foreign

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"\n\t \x1b\u009b":                "",
		"as it is":                       "as it is",
		"  two\r\nlines \n":              "two lines",
		"\x1b[31mred\x1b[0m\x07":         "[31mred [0m",
		"\u009b31mred":                   "31mred",
		"\u202eesrever\u2028line":        "esrever line",
		"bad \xff\xfe end":               "bad ? end",
		"größer, 大きい, �":                 "größer, 大きい, �",
		strings.Repeat("ö", 600):         strings.Repeat("ö", 512),
		"x" + strings.Repeat("ö", 600):   "x" + strings.Repeat("ö", 511),
		strings.Repeat("word\n\n", 1000): strings.TrimSpace(strings.Repeat("word ", 205)[:1024]),
	} {
		if got := Line(text, Usual); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1bb", 10)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit &= 0xfff
		line := Line(text, limit)
		if len(line) > limit || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || Line(line, limit) != strings.TrimSpace(line) {
			t.Errorf("%q", line)
		}
	})
}
