package shim

import (
	"reflect"
	"testing"
	"testing/quick"

	"google.golang.org/protobuf/proto"

	"rrbench/control"
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
		return setupFromControl(carried(t, setupToControl(s), &control.Setup{})) == s
	})
	check(func(e transport.Endpoint) bool {
		got := endpointFromControl(carried(t, endpointToControl(e), &control.Endpoint{}))
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
		return batchFromControl(carried(t, batchToControl(b), &control.Batch{})) == b
	})
}

// FuzzEndpoint feeds what a peer might send: nothing may panic, and what is understood
// comes back the same.
func FuzzEndpoint(f *testing.F) {
	seed, err := proto.Marshal(endpointToControl(transport.Endpoint{Transport: "fake", Nonce: []byte{1}, Facts: map[string]string{"a": "b"}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var c control.Endpoint
		if proto.Unmarshal(encoded, &c) != nil {
			return
		}
		e := endpointFromControl(&c)
		again := endpointFromControl(carried(t, endpointToControl(e), &control.Endpoint{}))
		if e.Transport != again.Transport || e.Address != again.Address || string(e.Nonce) != string(again.Nonce) || len(e.Facts) != len(again.Facts) {
			t.Errorf("%+v came back as %+v", e, again)
		}
	})
}
