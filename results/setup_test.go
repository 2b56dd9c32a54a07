package results

import (
	"strings"
	"testing"
)

func TestSetUps(t *testing.T) {
	var s SetUps
	var out strings.Builder
	if err := s.Write(&out); err != nil || out.Len() > 0 {
		t.Errorf("an empty report prints %q, %v", out.String(), err)
	}
	s.Add("user/copy", "wazero", 4e6)
	s.Add("http/wasi", "wazero", 9e9)
	s.Add("http/native", "native", 2e6)
	s.Add("http/wasi", "wazero", 5e8)
	s.Add("http/wasi", "wazero", 7e8)
	if err := s.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := "\nfunctions were ready after (median; in no latency)\n" +
		"  wazero: http/wasi 700 ms, user/copy 4.00 ms\n" +
		"  native: http/native 2.00 ms\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
