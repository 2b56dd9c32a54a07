// Package foreign makes text fit to be shown that a guest, a peer, a library or a file has written.
package foreign

import (
	"strings"
	"unicode"
)

// Usual is the longest line that an error repeats, in bytes.
const Usual = 1024

// Error is the text of an error in one line, with semicolons between the lines that it had.
func Error(err error) string { return Line(strings.ReplaceAll(err.Error(), "\n", "; "), 4*Usual) }

// Line makes one line of at most limit bytes of a text. What does not print (control characters,
// which a terminal would obey, marks that reverse the direction, other spaces) is a space, one in
// place of several, and what is no UTF-8 a question mark. It is empty where nothing prints.
func Line(text string, limit int) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) })
	line := strings.Join(words, " ")
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "")
	}
	return line
}
