//go:build cgo && linux && !wasmer

package wasmtime

import (
	"bytes"
	"errors"
	"testing"

	"rrbench/engines"
	"rrbench/workloads"
)

const failed = 77

// pair is two instances of the C guest; calls counts those of its host function that
// arrived in Go.
type pair struct {
	from, to engines.Instance
	calls    int
}

func newPair(t *testing.T) *pair {
	t.Helper()
	engine, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := workloads.Guest("c")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := engine.Compile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	r := &pair{}
	i32 := engines.I32
	host := engines.HostFunction{
		Module:       "roadrunner",
		FunctionType: engines.FunctionType{Name: "send_to_host", Params: []engines.ValueType{i32, i32}, Results: []engines.ValueType{i32}},
		Handler: func(_ engines.Instance, stack []uint64) error {
			r.calls++
			stack[0] = 5
			return nil
		},
	}
	imports := []engines.HostFunction{host}
	for _, wanted := range compiled.Imports() {
		if wanted.Name != host.Name {
			imports = append(imports, engines.HostFunction{Module: wanted.ImportModule, FunctionType: wanted, Handler: func(engines.Instance, []uint64) error {
				return errors.New("not expected: " + wanted.Name)
			}})
		}
	}
	for _, instance := range []*engines.Instance{&r.from, &r.to} {
		if *instance, err = compiled.Instantiate(t.Context(), engines.InstanceConfig{Imports: imports}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, closer := range []interface{ Close() error }{r.from, r.to, compiled, engine} {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

func (r *pair) function(t *testing.T, in engines.Instance, name string) engines.Function {
	t.Helper()
	f, ok := in.Function(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	return f
}

func TestDirectCall(t *testing.T) {
	r := newPair(t)
	send := r.function(t, r.from, "send").(engines.DirectCaller)
	handle := r.function(t, r.to, "handle")
	for name, call := range map[string]engines.DirectCall{
		"of a function of its own instance": send.DirectCall("roadrunner", "send_to_host", r.function(t, r.from, "handle")),
		"of an unknown host function":       send.DirectCall("roadrunner", "receive", handle),
		"by a handler of another signature": send.DirectCall("roadrunner", "send_to_host", r.function(t, r.to, "allocate_memory")),
		"from another function":             r.function(t, r.from, "handle").(engines.DirectCaller).DirectCall("roadrunner", "send_to_host", handle),
	} {
		if call != nil {
			t.Errorf("there is a direct call %s", name)
		}
	}
	call := send.DirectCall("roadrunner", "send_to_host", handle)
	if call == nil {
		t.Fatal("no direct call")
	}
	size := uint32(r.from.Memory().Size())
	const pointer, place, length = 30_000, 20_000, 100
	payload := bytes.Repeat([]byte("0123456789"), length/10)
	copy(r.from.Memory().Bytes()[pointer:], payload)
	stack := []uint64{pointer, length}
	if err := r.function(t, r.from, "handle").Call(stack); err != nil {
		t.Fatal(err)
	}
	digest := stack[0]

	var answer engines.Answer
	for name, test := range map[string]struct {
		pointer, length, place uint32
		passes                 bool
	}{
		"a payload":                    {pointer, length, place, true},
		"up to the end of the memory":  {pointer, length, size - length, true},
		"beyond the target's end":      {pointer, length, size - length + 1, false},
		"beyond the source's end":      {size - length + 1, length, place, false},
		"all of the address space":     {pointer, 1<<32 - 1, place, false},
		"a place at the very end":      {pointer, length, 1<<32 - 1, false},
		"everything at once, too much": {1<<32 - 1, 1<<32 - 1, 1<<32 - 1, false},
	} {
		r.calls = 0
		before := call.Clock()
		status, err := call.Call(test.pointer, test.length, test.place, failed, &answer)
		after := call.Clock()
		if err != nil || call.Answered() != test.passes || (r.calls == 0) != test.passes {
			t.Errorf("%s: %v, answered: %v, by Go: %d times", name, err, call.Answered(), r.calls)
			continue
		}
		if !test.passes {
			if status != 5 {
				t.Errorf("%s: status %d", name, status)
			}
			continue
		}
		if status != 0 || answer.Err != nil || answer.Result != digest || !bytes.Equal(r.to.Memory().Bytes()[test.place:][:length], payload) {
			t.Errorf("%s: status %d, %+v instead of %016x", name, status, answer, digest)
		}
		if answer.Copied < before || answer.Returned < answer.Copied || after < answer.Returned {
			t.Errorf("%s: moments %d, %d, %d, %d", name, before, answer.Copied, answer.Returned, after)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = call.Call(pointer, length, place, failed, &answer) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// A call that is not the direct call's goes to Go as ever.
	r.calls = 0
	stack[0], stack[1] = pointer, length
	if err := r.function(t, r.from, "send").Call(stack); err != nil || r.calls != 1 || stack[0] != 5 {
		t.Errorf("%v, %d calls, %d", err, r.calls, stack[0])
	}
	if err := r.to.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := call.Call(pointer, length, place, failed, &answer); err == nil {
		t.Error("a closed instance takes payloads")
	}
}
