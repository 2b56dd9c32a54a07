package plots

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"

	"rrbench/results"
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

func TestTextOfPDF(t *testing.T) {
	plan := resultstest.Single()
	trials := resultstest.Trials(plan)
	d, err := breakdown(newRun(results.Summarize(trials), trials))
	if err != nil {
		t.Fatal(err)
	}
	pdf, err := d.encode(".pdf")
	if err != nil {
		t.Fatal(err)
	}
	content := streams(t, pdf)
	if !bytes.Contains(content, []byte("user/copy \xb7 wazero")) || !bytes.Contains(content, []byte(" \xb5s")) {
		t.Error("no µ or · in the encoding of the PDF's font")
	}
	if bytes.Contains(content, []byte("\xc2\xb5")) {
		t.Error("text in UTF-8")
	}
}
