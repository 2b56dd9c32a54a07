package plots

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"testing"

	"rrbench/results/resultstest"
)

// streams are the contents of a PDF, uncompressed.
func streams(t *testing.T, pdf []byte) []byte {
	t.Helper()
	var all []byte
	for _, part := range bytes.Split(pdf, []byte("\nstream\n"))[1:] {
		reader, err := zlib.NewReader(bytes.NewReader(part))
		if err != nil {
			continue
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return all
}

// The text of a PDF can be searched and copied.
func TestTextOfPDF(t *testing.T) {
	trials := resultstest.Trials(resultstest.Single())
	s, err := breakdown(cellsOf(resultstest.Summarize(trials), nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	pdf, err := s.encode(".pdf")
	if err != nil {
		t.Fatal(err)
	}
	content := streams(t, pdf)
	for _, text := range []string{"user/copy · wazero", " µs"} {
		var utf16 []byte
		for _, r := range text {
			utf16 = binary.BigEndian.AppendUint16(utf16, uint16(r))
		}
		if !bytes.Contains(content, utf16) {
			t.Errorf("no %q", text)
		}
	}
}
