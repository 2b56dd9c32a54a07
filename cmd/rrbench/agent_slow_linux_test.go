//go:build slow

package main

import (
	"fmt"
	"testing"
)

// TestLinkFails breaks the link, or the agent, under a sweep: rows fail with their cause, and the
// sweep ends.
func TestLinkFails(t *testing.T) {
	for name, test := range map[string]struct {
		deadline, breakage string
		recovers           bool
	}{
		"down for 5 s":     {"30s", "ip link set cable down; sleep 5; ip link set cable up", true},
		"cut":              {"3s", "ip link set cable down", false},
		"agent dies":       {"3s", "pkill -KILL -f '^rrbench agent'", false},
		"agent is stopped": {"3s", "pkill -STOP -f '^rrbench agent'", false},
	} {
		t.Run(name, func(t *testing.T) {
			directory, output, status := twoNodes(t, "1gbit", fmt.Sprintf(`
				rrbench sweep --quiet --placement inter --transports limit/tcp,http/native --codecs raw --sizes 32MiB --starts 4 --rounds 3 --deadline %s --out "$out" &
				sleep 4
				%s
				wait $!`, test.deadline, test.breakage))
			counts := statuses(t, directory)
			if counts["limit/tcp ok"]+counts["http/native ok"] == 0 {
				t.Errorf("%v: %s", counts, output)
			}
			if recovered := status == exitOK; recovered != test.recovers {
				t.Errorf("status %d, %v: %s", status, counts, output)
			}
		})
	}
}
