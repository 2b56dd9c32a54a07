package main

import (
	"strings"
	"testing"
)

func TestAuditRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		status    int
		want      []string
	}{
		"no transport": {nil, exitUsage, []string{"--transport", "rrbench list"}},
		"transport":    {[]string{"--transport", "user/cpoy"}, exitUsage, []string{"user/cpoy", "user/copy", "(--transport)"}},
		"engine":       {[]string{"--transport", "user/copy", "--engine", "v8x"}, exitUsage, []string{"v8x", "wazero", "(--engine)"}},
		"size":         {[]string{"--transport", "user/copy", "--size", "big"}, exitUsage, []string{"big", "(--size)"}},
		"fan-out":      {[]string{"--transport", "user/copy", "--fanout", "0"}, exitUsage, []string{"fanout 0", "(--fanout)"}},
		"no codec":     {[]string{"--transport", "http/native", "--codec", "none"}, exitFailed, []string{"http/native has no codec none"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := rrbench(t, append([]string{"audit"}, test.arguments...)...)
			if got.status != test.status || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("status %d, want %d; printed %q and %q", got.status, test.status, got.stdout, got.stderr)
			}
			for _, word := range test.want {
				if !strings.Contains(got.stderr, word) {
					t.Errorf("%q is not in %q", word, got.stderr)
				}
			}
		})
	}
}

func TestAuditCounts(t *testing.T) {
	got := rrbench(t, "audit", "--transport", "limit/unix", "--size", "1MiB")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	last := lines[len(lines)-1]
	if got.status != exitOK || !strings.HasPrefix(last, "limit/unix, 1MiB: ") || !strings.Contains(last, "through the kernel") {
		t.Errorf("status %d, printed %q and %q", got.status, got.stdout, got.stderr)
	}
}
