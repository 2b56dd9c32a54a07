package modes_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/modes"
	"rrbench/modes/kernel"
	"rrbench/modes/network"
	"rrbench/modes/user"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads"
	"rrbench/workloads/hostile"
)

// guarded is the guest that is attacked.
const guarded = "allocate-guarded"

// When an attack ends the hand-offs: at the first, the second and so on, or
const (
	// never: all payloads arrive, whatever the guest does beside that.
	never = -iota
	// refused: the guest is not loaded.
	refused
	// noticed: what arrives is not what was prepared, which a comparison of the two shows.
	noticed
)

type role string

const (
	source role = "source"
	target role = "target"
	both   role = "source and target"
)

// attack is a hostile guest, what it is at the transport, and what comes of it.
type attack struct {
	guest string
	as    role
	fails int
	// want is in the error.
	want string
	setting
}

// setting is the origin of the payloads at the hostile source, and what targets do with them.
type setting struct {
	origin  transport.Origin
	consume transport.Consume
}

// withSettings are attacks that depend on that.
func withSettings() (all []attack) {
	buffer, heap, write := setting{origin: transport.OriginBuffer}, setting{origin: transport.OriginHeap}, setting{consume: transport.ConsumeWrite}
	for _, either := range []setting{buffer, heap} {
		all = append(all,
			attack{"lacks-produce", source, refused, "does not export produce(i32, i64) -> i32", either},
			attack{"wrong-produce", source, refused, "exports produce(i32) -> i32, which must be", either},
			attack{"produce-traps", source, 1, "unreachable", either},
			attack{"produce-zero", source, 1, "returned 0", either},
			attack{"produce-inside", source, 1, "returned", either},
			attack{"produce-longer", source, 1, "returned", either},
			attack{"produce-overflows", source, 1, "returned 42947", either},
			attack{"produce-half", source, noticed, "", either},
			attack{"produce-asks", source, never, "", either},
			attack{"produce-sends", source, never, "", either},
			attack{"produce-frees", source, never, "", either},
			attack{"produce-looks", source, never, "", either},
			attack{"send-asks", source, never, "", either},
			attack{"send-frees", source, never, "", either},
			attack{"send-writes", source, never, "", either},
		)
	}
	return append(all,
		attack{"produce-releases", source, never, "", buffer},
		attack{"produce-releases", source, 1, "-5, region was released", heap},
		attack{"send-gives-up", source, never, "", buffer},
		attack{"send-gives-up", source, 1, "-5, region was released", heap},
		attack{"send-gives-up-later", source, never, "", heap},
		attack{"wrong-produce", source, refused, "exports produce(i32) -> i32, which must be", setting{}},
		attack{"rewrite-traps", target, 1, "unreachable", write},
		attack{"rewrite-lies", target, noticed, "", write},
		attack{"rewrite-keeps", target, never, "", write},
		attack{"rewrite-frees", target, never, "", write},
	)
}

const overflow = "stack overflow"

// plain are attacks where the host makes the payloads.
var plain = []struct {
	guest string
	as    role
	fails int
	want  string
}{
	{"table-large", both, refused, "tables of 10000000 elements"},
	{"initialize-traps", both, refused, "_initialize"},
	{"initialize-exits", both, refused, "status 8"},
	{"initialize-sends", both, never, ""},

	{"allocate-traps", both, 1, "allocate_memory"},
	{"allocate-zero", both, 1, "no memory for"},
	{"allocate-outside", both, 1, "not inside its memory"},
	{"allocate-straddles", both, 1, "not inside its memory"},
	{"allocate-wraps", both, 1, "not inside its memory"},
	{"allocate-last", both, 1, "not inside its memory"},
	{"allocate-unaligned", both, never, ""},
	{"handle-overlaps", target, 2, "overlaps the live region"},
	{"deallocate-traps", both, 4, "deallocate_memory"},

	{"handle-traps", target, 1, "unreachable"},
	{"handle-traps-later", target, 3, "unreachable"},
	{"handle-reads-outside", target, 1, "out of bounds memory access"},
	{"handle-recurses", target, 1, overflow},
	{"handle-exits", target, 1, "status 7"},
	{"handle-lies", target, noticed, ""},
	{"handle-overwrites", target, never, ""},
	{"handle-grows-a-little", target, never, ""},
	{"handle-grows", target, never, ""},
	{"handle-keeps", target, never, ""},
	{"handle-releases", target, never, ""},
	{"handle-frees", target, never, ""},
	{"handle-sends", target, never, ""},

	{"send-traps", source, 1, "unreachable"},
	{"send-traps-later", source, 3, "unreachable"},
	{"send-exits", source, 1, "status 9"},
	{"send-never", source, 1, "without calling send_to_host"},
	{"send-twice", source, 1, "-8, not possible"},
	{"send-lies-longer", source, 1, "-3, length differs"},
	{"send-lies-shorter", source, 1, "-3, length differs"},
	{"send-nothing", source, 1, "-1, invalid"},
	{"send-wraps", source, 1, "-1, invalid"},
	{"send-overflows", source, 1, "-1, invalid"},
	{"send-unallocated", source, 1, "-2, unknown region"},
	{"send-locates-inside", source, 1, "-1, invalid"},
	{"send-another", source, noticed, ""},
	{"send-half", source, noticed, ""},
	{"send-more", source, noticed, ""},
	{"send-from-own-memory", source, never, ""},
	{"send-overwrites", source, never, ""},
	{"send-grows", source, never, ""},
	{"send-releases", source, never, ""},
	{"send-frees", source, never, ""},
}

type cell struct {
	size   int64
	fanout int
}

// mode is a transport with a cell for each of its ways to hand a payload over.
type mode struct {
	transport.Transport
	cells []cell
}

func all() []mode {
	const crossover = 64 << 10
	several, large, small := cell{200_001, 2}, cell{200_001, 1}, cell{1000, 1}
	each := []cell{several, large, small}
	return []mode{
		{user.NewCopy(), each},
		{user.NewRemap(), each},
		{user.NewMemfd(), each},
		{user.NewAdaptive(crossover), each},
		{kernel.NewStream(), each[:1]},
		{kernel.NewRing(), each[:1]},
		{kernel.NewMemfd(), each},
		{kernel.NewCMA(), each[:1]},
		{kernel.NewAdaptive(crossover), each},
		{network.NewStream(), each[:1]},
		{network.NewSplice(), each[:1]},
		{network.NewZerocopy(), []cell{several, small}},
		{network.NewAdaptive(crossover), []cell{several, small}},
	}
}

// tested are the engines to attack. With -short, as under the race detector, the first is enough: the detector looks at
// what the hosts do, and that is the same for all.
func tested() []string {
	if testing.Short() {
		return catalogue.BuiltIn()[:1]
	}
	return catalogue.BuiltIn()
}

// eachMode runs a test with each mode on engines, and checks that no descriptor is left over.
func eachMode(t *testing.T, engines []string, test func(t *testing.T, m mode, engine string)) {
	transporttest.SmallBlocks(t)
	for _, engine := range engines {
		for _, m := range all() {
			t.Run(engine+"/"+m.Info().Name, func(t *testing.T) {
				if err := errors.Join(catalogue.Check(engine), m.Check()); err != nil {
					t.Skip(err)
				}
				before := transporttest.Descriptors(t)
				test(t, m, engine)
				transporttest.CheckDescriptors(t, before)
			})
		}
	}
}

func TestEveryGuest(t *testing.T) {
	eachMode(t, []string{"wazero"}, func(t *testing.T, m mode, engine string) {
		for _, guest := range workloads.Guests() {
			if _, err := workloads.Guest(guest); err != nil {
				t.Log(err)
				continue
			}
			transporttest.Exercise(t, m, transport.Setup{Engine: engine, Guest: guest, Codec: transport.None, Payload: payloads.Text, Size: 300_000, Fanout: 1}, false)
		}
	})
}

// TestTargetsFailAlone has good targets between several hostile ones, each of which fails with the cause and
// keeps its connection.
func TestTargetsFailAlone(t *testing.T) {
	eachMode(t, tested(), func(t *testing.T, m mode, engine string) {
		names := []string{"handle-traps", "", "allocate-zero", "allocate-outside", "allocate-traps", "handle-exits", ""}
		setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: 300_000, Fanout: len(names)}
		var opened []interface{ Close() error }
		var endpoints []transport.Endpoint
		for _, name := range names {
			with := setup
			if name != "" {
				with.Guest = hostile.Guest(t, name)
			}
			target := transporttest.Serve(t, m, with)
			opened, endpoints = append(opened, target), append(endpoints, target.Endpoint())
		}
		route := transporttest.Open(t, m, setup, endpoints...)
		var handoff transport.Handoff
		for range 3 {
			digest := transporttest.Prepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: setup.Size})
			transporttest.MustSend(t, route, &handoff)
			for i, name := range names {
				if name == "" {
					transporttest.CheckDelivery(t, &handoff, i, setup.Size, digest)
				} else if err := handoff.Deliveries[i].Err; err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "connection") {
					t.Errorf("target %s: error is %v", name, err)
				}
			}
		}
		transporttest.MustClose(t, append(opened, route)...)
	})
}

// TestAttacks has a hostile guest at one end of each transport and guarded ones at the
// others. Whatever the hostile one does, the hand-off ends with an error that names it or with
// the right bytes, guests see nothing of one another but payloads, the guarded ones are of use
// afterwards, and nothing is left over.
func TestAttacks(t *testing.T) {
	transporttest.SmallBlocks(t)
	w := &watch{guarded: hostile.Guest(t, guarded)}
	modes.Through(t, w.engine)
	files := map[string]string{}
	attacks := withSettings()
	for _, a := range plain {
		for _, as := range []role{source, target} {
			if a.as == as || a.as == both {
				attacks = append(attacks, attack{a.guest, as, a.fails, a.want, setting{}})
			}
		}
	}
	for _, a := range attacks {
		if files[a.guest] == "" {
			files[a.guest] = hostile.Guest(t, a.guest)
		}
	}
	for _, engine := range tested() {
		if catalogue.Check(engine) != nil {
			continue
		}
		w.t = t
		for _, file := range files {
			// Compiled code stays, so it comes before anything is counted.
			if f, err := modes.Load(t.Context(), transport.Setup{Engine: engine, Guest: file}, nil); err == nil {
				transporttest.MustClose(t, f)
			}
		}
	}
	eachMode(t, tested(), func(t *testing.T, m mode, engine string) {
		w.t = t
		before := count(t)
		for _, a := range attacks {
			if transporttest.Racing && a.want == overflow {
				continue // the race detector takes a second to follow a stack of hundreds of megabytes
			}
			cells := m.cells
			// Where the first payload does not arrive in any case, and with -short, one cell is enough.
			if a.fails == refused || a.fails == 1 || testing.Short() {
				cells = cells[:1]
			}
			for _, c := range cells {
				// There is no deadline: no garbage is collected for each guest then, and
				// what hangs is seen when the test's own time is over.
				a.run(t, m, w, transport.Setup{
					Engine: engine, Guest: w.guarded, Codec: transport.None, Payload: payloads.Text,
					Size: c.size, Fanout: c.fanout, Consume: a.consume,
				}, files[a.guest])
			}
		}
		before.check(t)
	})
}

// run makes the attack with one cell.
func (a attack) run(t *testing.T, tr transport.Transport, w *watch, setup transport.Setup, guest string) {
	name := fmt.Sprintf("%s as %s %s, %d bytes to %d", a.guest, a.origin, a.as, setup.Size, setup.Fanout)
	w.attack = name
	// Where the engine hands over short payloads by itself it wants to know its functions.
	w.inside = setup.Size > modes.DirectCallLimit
	hostile := setup
	hostile.Guest = guest
	var endpoints []transport.Endpoint
	var targets []interface{ Close() error }
	defer func() { transporttest.MustClose(t, targets...) }()
	windows := map[string]int{"user": 1, "user/remap": 1, "user/memfd": 1, "kernel": 2, "kernel/memfd": 2} // by the largest fan-out
	if a.guest == "deallocate-traps" && setup.Fanout <= windows[tr.Info().Name] && setup.Size > 64<<10 {
		// A window is for payloads of any length, and never given back.
		a.fails = never
	}
	for i := range setup.Fanout {
		with := setup
		if a.as == target && i == 0 {
			with = hostile
		}
		served, err := tr.Serve(context.Background(), with)
		if err != nil {
			a.load(t, name, err)
			return
		}
		targets, endpoints = append(targets, served), append(endpoints, served.Endpoint())
	}
	with := setup
	if a.as == source {
		with = hostile
		with.Origin = a.origin
	}
	route, err := tr.Open(context.Background(), with, endpoints)
	if err != nil {
		a.load(t, name, err)
		return
	}
	a.handOver(t, name, tr.Info().Name, w.newest(), route, setup)
	transporttest.MustClose(t, route)
	if a.as == source {
		// The targets serve the next.
		route := transporttest.Open(t, tr, setup, endpoints...)
		var handoff transport.Handoff
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: 9, Size: setup.Size}, &handoff)
		transporttest.MustClose(t, route)
	}
}

// load judges an error of a set-up.
func (a attack) load(t *testing.T, name string, err error) {
	t.Helper()
	if a.fails != refused || !a.named(err) {
		t.Errorf("%s: is not loaded: %v", name, err)
	}
}

// handOver hands payloads over, one of them of another size, and judges each delivery.
func (a attack) handOver(t *testing.T, name, by string, from *watched, route transport.Route, setup transport.Setup) {
	if a.fails == refused {
		t.Errorf("%s: was loaded", name)
	}
	var handoff transport.Handoff
	for round, size := range []int64{setup.Size, setup.Size, setup.Size, setup.Size - 5} {
		handoff.Deliveries = handoff.Deliveries[:0]
		spec := payloads.Spec{Kind: payloads.Text, Seed: uint64(round), Size: size}
		digest, err := spec.Digest(), route.Prepare(spec)
		if err == nil {
			if err = route.Send(&handoff); err != nil && !strings.Contains(err.Error(), by) {
				t.Errorf("%s: the error does not name the transport: %v", name, err)
			}
		}
		from.look()
		if err != nil && a.as == target {
			t.Fatalf("%s: hand-off %d fails at its source: %v", name, round+1, err)
		}
		for i := range handoff.Deliveries {
			d := &handoff.Deliveries[i]
			hit, failure := a.as == source || i == 0, d.Err
			if err != nil {
				failure = err
			}
			a.judge(t, fmt.Sprintf("%s: hand-off %d to %d", name, round+1, i), round+1, hit, failure, d.Length == uint64(size) && d.Digest == digest)
		}
		if len(handoff.Deliveries) == 0 {
			a.judge(t, fmt.Sprintf("%s: hand-off %d", name, round+1), round+1, true, err, false)
		}
	}
}

// judge judges a delivery, of which the payload was the same as prepared or not. hit says that the
// hostile guest takes part in it.
func (a attack) judge(t *testing.T, what string, nth int, hit bool, err error, same bool) {
	t.Helper()
	switch {
	case hit && a.fails > 0 && nth >= a.fails:
		if !a.named(err) || a.as == target && strings.Contains(err.Error(), "connection") {
			t.Errorf("%s: error is %v, want %q in it", what, err, a.want)
		}
	case hit && a.fails == noticed:
		if err == nil && same {
			t.Errorf("%s: counts as delivered", what)
		}
	case err != nil || !same:
		t.Errorf("%s: not delivered: %v", what, err)
	}
}

// named says whether an error is of the guest and its fault.
func (a attack) named(err error) bool {
	return err != nil && strings.Contains(err.Error(), a.guest+".wasm") && strings.Contains(err.Error(), a.want)
}
