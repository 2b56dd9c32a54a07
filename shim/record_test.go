package shim

import (
	"errors"
	"reflect"
	"testing"

	"rrbench/measure"
	"rrbench/transport"
)

func FuzzRecords(f *testing.F) {
	one := Record{
		Round: 1, Worker: 2, Target: 3, Seed: 4, Expected: 5, CPUUser: 6, CPUKernel: 7, SoftIRQ: 8, MinorFaults: 9.5, ContextSwitches: 10,
		Delivery: transport.Delivery{Length: 11, Digest: 12, Usage: measure.Usage{UserNs: 13}, Timeline: transport.Timeline{Start: 14}},
	}
	two := one
	two.Err = errors.New("no memory")
	f.Add(two.appendTo(one.appendTo(nil)))
	f.Add(one.appendTo(nil)[:40])
	f.Fuzz(func(t *testing.T, wire []byte) {
		var again []byte
		var records []Record
		if parseRecords(wire, func(r Record) error {
			records = append(records, r)
			again = r.appendTo(again)
			return nil
		}) != nil {
			return
		}
		var others []Record
		if err := parseRecords(again, func(r Record) error { others = append(others, r); return nil }); err != nil || len(others) != len(records) {
			t.Fatalf("%d records became %d: %v", len(records), len(others), err)
		}
		for i := range records {
			// NaN is not equal to itself, and errors are equal by their text.
			a, b := records[i], others[i]
			a.MinorFaults, b.MinorFaults, a.ContextSwitches, b.ContextSwitches = 0, 0, 0, 0
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%+v became %+v", a, b)
			}
		}
	})
}
