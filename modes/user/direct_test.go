package user

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"rrbench/modes"
	"rrbench/modes/modestest"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads/hostile"
)

// TestDirectAndLong sends the same payloads by direct calls, where the engine has them, and by the
// long one, between guests of every kind, and compares what becomes of them: digests,
// errors, every byte of every memory.
func TestDirectAndLong(t *testing.T) {
	sources := []string{"c", "send-traps", "send-never", "send-lies-longer", "send-lies-shorter", "send-wraps", "send-nothing", "send-unallocated", "send-twice", "send-from-own-memory", "send-cheers"}
	targets := []string{"c", "handle-traps", "handle-reads-outside", "handle-recurses", "handle-exits", "handle-frees", "handle-grows", "handle-keeps", "handle-obeys", "allocate-same", "deallocate-traps", "calls"}
	guest := func(name string) string {
		if name == "c" {
			return name
		}
		return hostile.Guest(t, name)
	}
	for _, engine := range modestest.Engines(t) {
		pair := func(source, target string) {
			t.Run(engine+"/"+source+"/"+target, func(t *testing.T) {
				from := transport.Setup{Engine: engine, Guest: guest(source), Codec: transport.None, Size: 1 << 20}
				to := from
				to.Guest = guest(target)
				directTarget, longTarget := transporttest.Serving(t, NewCopy(), to), transporttest.Serving(t, NewCopy(), to)
				direct, long := openBy(t, NewCopy(), from, directTarget), openBy(t, NewCopy(), from, longTarget)
				asks := source != "send-traps" && source != "send-never"
				if want := engine != "wazero" && asks; (direct.direct != nil) != want {
					t.Fatalf("there are direct calls: %v, want %v", !want, want)
				}
				long.direct = nil
				sendBoth(t, direct, long)
				if source == "c" && target == "c" && direct.direct != nil && direct.direct.result.Digest == 0 {
					t.Error("no call was direct")
				}
			})
		}
		for _, source := range sources {
			pair(source, "c")
		}
		for _, target := range targets[1:] {
			pair("c", target)
		}
		pair("send-twice", "handle-traps")
		pair("send-cheers", "handle-traps")
		pair("send-from-own-memory", "handle-obeys")
	}
}

func sendBoth(t *testing.T, direct, long *route) {
	random := rand.New(rand.NewPCG(1, 2))
	size := int64(64)
	var a, b transport.Handoff
	for seed := range uint64(60) {
		if seed%5 == 4 {
			size = 1 + random.Int64N(2*modes.DirectCallLimit)
		}
		spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size}
		prepared, err := spec.Digest(), direct.Prepare(spec)
		also, alsoErr := spec.Digest(), long.Prepare(spec)
		if prepared != also || !sameError(err, alsoErr) {
			t.Fatalf("prepared %016x, %v and %016x, %v", prepared, err, also, alsoErr)
		}
		if err != nil {
			return
		}
		a.Deliveries, b.Deliveries = nil, nil
		err, alsoErr = direct.Send(&a), long.Send(&b)
		if !sameError(err, alsoErr) {
			t.Fatalf("sending %d bytes: %v and %v", size, err, alsoErr)
		}
		one, other := &a.Deliveries[0], &b.Deliveries[0]
		if one.Digest != other.Digest || one.Length != other.Length || !sameError(one.Err, other.Err) {
			t.Fatalf("%d bytes: %016x, %d, %v and %016x, %d, %v", size, one.Digest, one.Length, one.Err, other.Digest, other.Length, other.Err)
		}
		if err == nil && one.Err == nil {
			transporttest.CheckDelivery(t, &a, 0, size, one.Digest)
		}
		if !bytes.Equal(direct.source.Memory(), long.source.Memory()) {
			t.Fatalf("%d bytes: the sources' memories differ", size)
		}
		if !bytes.Equal(direct.targets[0].function.Memory(), long.targets[0].function.Memory()) {
			t.Fatalf("%d bytes: the targets' memories differ", size)
		}
	}
}

// sameError compares texts, in which guests that were written to files have different paths.
func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return strip(a) == strip(b)
}

func strip(err error) string {
	words := strings.Fields(err.Error())
	for i, word := range words {
		if strings.Contains(word, string(filepath.Separator)) {
			words[i] = filepath.Base(word)
		}
	}
	return strings.Join(words, " ")
}

// TestShortSharesTargets has two routes to one target, which may be closed under them.
func TestShortSharesTargets(t *testing.T) {
	for _, engine := range modestest.Engines(t) {
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 64}
		target, err := NewCopy().Serve(context.Background(), setup)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		for seed := range uint64(2) {
			route := openBy(t, NewCopy(), setup, target)
			go func() {
				var handoff transport.Handoff
				spec := payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: 64}
				digest, err := spec.Digest(), error(nil)
				for range 2000 {
					if err == nil {
						err = errors.Join(route.Prepare(spec), route.Send(&handoff))
					}
					if err == nil && (handoff.Deliveries[0].Err != nil || handoff.Deliveries[0].Digest != digest) {
						t.Errorf("%016x, %v instead of %016x", handoff.Deliveries[0].Digest, handoff.Deliveries[0].Err, digest)
						break
					}
				}
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		route := openBy(t, NewCopy(), setup, target)
		if err := route.Prepare(payloads.Spec{Kind: payloads.Bytes, Seed: 1, Size: 64}); err != nil {
			t.Fatal(err)
		}
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		var handoff transport.Handoff
		if err := route.Send(&handoff); err != nil || handoff.Deliveries[0].Err == nil {
			t.Errorf("%v, %v from a target that is closed", err, handoff.Deliveries)
		}
	}
}
