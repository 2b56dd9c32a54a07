package transport

import (
	"strings"
	"testing"
)

func TestLocal(t *testing.T) {
	var targets Local[int]
	first, second, gone := new(int), new(int), new(int)
	at := func(target *int) Endpoint { return Endpoint{Transport: "test", Address: targets.Add(target)} }
	one, two, closed := at(first), at(second), at(gone)
	targets.Remove(closed.Address)
	found, err := targets.Find("test", []Endpoint{two, one})
	if err != nil || len(found) != 2 || found[0] != second || found[1] != first {
		t.Errorf("found %v, %v", found, err)
	}
	if len(targets.byAddress) != 2 || len(one.Address) < 20 {
		t.Errorf("%d targets, the first at %q", len(targets.byAddress), one.Address)
	}
	for want, endpoints := range map[string][]Endpoint{
		"at least one target": nil,
		"named twice":         {one, one},
		`no target "1"`:       {{Transport: "test", Address: "1"}},
		"keep it open":        {one, closed},
		"the same transport":  {{Transport: "other", Address: one.Address}},
	} {
		if _, err := targets.Find("test", endpoints); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
