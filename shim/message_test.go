package shim

import (
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/protobuf/proto"

	"rrbench/control"
	"rrbench/measure"
	"rrbench/transport"
)

// carried sends a message through its encoding.
func carried[M proto.Message](t *testing.T, from, to M) M {
	t.Helper()
	encoded, err := proto.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(encoded, to); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestConversionsKeepEverything(t *testing.T) {
	check := func(f any) {
		t.Helper()
		if err := quick.Check(f, nil); err != nil {
			t.Error(err)
		}
	}
	check(func(s transport.Setup) bool {
		s.Address = "" // each shim has its own
		return *carry[transport.Setup](carried(t, carry[control.Setup](&s), &control.Setup{})) == s
	})
	check(func(e transport.Endpoint) bool {
		got := *carry[transport.Endpoint](carried(t, carry[control.Endpoint](&e), &control.Endpoint{}))
		// Empty and absent are the same.
		if len(e.Nonce) == 0 {
			got.Nonce = e.Nonce
		}
		if len(e.Facts) == 0 {
			got.Facts = e.Facts
		}
		return reflect.DeepEqual(got, e)
	})
	check(func(b Batch) bool {
		got := *carry[Batch](carried(t, carry[control.Batch](&b), &control.Batch{}))
		if len(b.Sizes) == 0 {
			got.Sizes = b.Sizes
		}
		return reflect.DeepEqual(got, b)
	})
	check(func(m measure.Memory) bool {
		return *carry[measure.Memory](carried(t, carry[control.MemoryReply](&m), &control.MemoryReply{})) == m
	})
	check(func(p Phase) bool {
		return *carry[Phase](carried(t, carry[control.Phase](&p), &control.Phase{})) == p
	})
	check(func(engine, guest string, input []byte, idle int, deadline time.Duration) bool {
		e := Execution{Engine: engine, Guest: guest, Input: input, Idle: idle, Deadline: deadline}
		got := *carry[Execution](carried(t, carry[control.ExecuteRequest](&e), &control.ExecuteRequest{}))
		if len(input) == 0 {
			got.Input = input
		}
		return reflect.DeepEqual(got, e)
	})
	check(func(tried, ok, failed int, bytes, ns, interrupts int64, source, targets, server measure.Usage, function float64, reason string) bool {
		w := Window{tried, ok, failed, bytes, ns, source, targets, server, interrupts, function, hdrhistogram.New(1, longestLatency, 2), reason}
		_ = w.Latencies.RecordValues(12345, 3)
		got, err := windowFromControl(carried(t, w.toControl(), &control.Window{}))
		if err != nil || got.Latencies.TotalCount() != 3 || got.Latencies.Max() != w.Latencies.Max() {
			return false
		}
		got.Latencies = w.Latencies
		return got == w
	})
}

// FuzzEndpoint feeds what a peer might send: nothing may panic, and what is understood
// comes back the same.
func FuzzEndpoint(f *testing.F) {
	seed, err := proto.Marshal(carry[control.Endpoint](&transport.Endpoint{Transport: "fake", Nonce: []byte{1}, Facts: map[string]string{"a": "b"}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var c control.Endpoint
		if proto.Unmarshal(encoded, &c) != nil {
			return
		}
		e := *carry[transport.Endpoint](&c)
		again := *carry[transport.Endpoint](carried(t, carry[control.Endpoint](&e), &control.Endpoint{}))
		if e.Transport != again.Transport || e.Address != again.Address || string(e.Nonce) != string(again.Nonce) || len(e.Facts) != len(again.Facts) {
			t.Errorf("%+v came back as %+v", e, again)
		}
	})
}
