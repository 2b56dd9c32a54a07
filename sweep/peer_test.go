package sweep

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rrbench/measure/offset"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// peer is one whose shims are goroutines of the test.
type peer struct {
	shims        shim.Launcher
	shift, bound int64
	// gone is the error of reaching it, after so many times without one.
	gone  error
	after int32
	asked *atomic.Int32
	left  *atomic.Int32
}

func (p peer) Launcher(transport.Info) shim.Launcher { return p.shims }
func (p peer) Lacks(info transport.Info, engine string) string {
	if engine == "wasmtime" {
		return "no wasmtime there"
	}
	return ""
}
func (p peer) Memory() int64 { return 1 << 30 }
func (p peer) Reach(context.Context) error {
	if p.asked.Add(1) > p.after {
		return p.gone
	}
	return nil
}
func (p peer) Clock(context.Context) (offset.Estimate, error) {
	if p.bound == 0 {
		return offset.Estimate{}, errors.New("no clock")
	}
	return offset.Estimate{Offset: p.shift, Bound: p.bound}, nil
}
func (p peer) Facts() results.Peer { return results.Peer{Address: "there"} }
func (p peer) Close() error        { p.left.Add(1); return nil }

// newInter returns a harness with cells between nodes.
func newInter(t *testing.T, p peer) *harness {
	t.Helper()
	flags := Config{Axes: Axes{Reps: 4, Transports: []string{"limit/tcp", "user/copy"}, Engines: []string{"wazero"}, Placement: []string{inter}, Sizes: []Size{mib}, Fanout: []int{2}}}
	h := newHarness(t, flags, fine)
	p.asked, p.left = new(atomic.Int32), new(atomic.Int32)
	p.shims = h.runner.Machine.Launcher(transport.Info{})
	h.runner.Machine.Peers = []Peer{p, p}
	h.runner.Plan.takeUp(h.runner.Machine)
	return h
}

func TestCellsBetweenNodesAreMeasured(t *testing.T) {
	h := newInter(t, peer{shift: 0, bound: 1})
	h.run(t)
	for _, row := range h.journal.rows {
		switch {
		case row.Transport == "user/copy":
			if row.Status != results.Skipped || !strings.Contains(row.Reason, "does not leave its host") {
				t.Errorf("%s: %s, %s", row.Transport, row.Status, row.Reason)
			}
		case row.Status != results.OK || row.Placement != inter || row.Clock == results.ClockShared:
			t.Errorf("%s: %s, %s, clock %s", row.Transport, row.Status, row.Reason, row.Clock)
		}
	}
}

// After a node was lost its other cells are skipped, and a resumed run measures them.
func TestResumeAfterAPeerWasLost(t *testing.T) {
	first := newInter(t, peer{bound: 1, gone: errors.New("agent there: gone"), after: 2})
	first.run(t)
	counts := make(map[results.Status]int)
	for _, row := range first.journal.rows {
		if row.Transport == "limit/tcp" {
			counts[row.Status]++
			if row.Status == results.Skipped && !strings.Contains(row.Reason, "agent there: gone") {
				t.Error(row.Reason)
			}
		}
	}
	if counts[results.OK] == 0 || counts[results.Skipped] == 0 || counts[results.Failed] > 0 {
		t.Errorf("rows %v", counts)
	}
	left, err := first.runner.Plan.left(first.journal.done())
	if err != nil || len(left) != 1 {
		t.Fatalf("left are %+v, %v", left, err)
	}
	rows, _ := newInter(t, peer{bound: 1, after: 1 << 30}).resume(t, first)
	for _, row := range results.Latest(rows) {
		if row.Transport == "limit/tcp" && row.Status != results.OK {
			t.Errorf("after the resume: %s, %s", row.Status, row.Reason)
		}
	}
}

func TestPlacementInterNeedsAPeer(t *testing.T) {
	t.Setenv(PeerVariable, "")
	machine := testMachine()
	request := Request{Flags: Config{Axes: Axes{Placement: []string{transport.PlacementIntra, inter}}}, Machine: &machine}
	alone := Request{Flags: Config{File: configFile(t, "placement: [inter]\n")}, Machine: &machine}
	if _, err := Preview(t.Context(), alone); err == nil || !strings.Contains(err.Error(), "--peer") {
		t.Error(err)
	}
	if _, err := Preview(t.Context(), request); err == nil || !strings.Contains(err.Error(), "rrbench agent") || !strings.Contains(err.Error(), "--peer") {
		t.Error(err)
	}
	var joined []string
	left := new(atomic.Int32)
	request.Join = func(_ context.Context, line string) (Peer, error) {
		joined = append(joined, line)
		return peer{left: left}, nil
	}
	t.Setenv(PeerVariable, "one two")
	if _, err := Preview(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(joined, []string{"one", "two"}) || left.Load() != 2 {
		t.Errorf("joined %q, left %d", joined, left.Load())
	}
	joined, request.Flags.Peer = nil, []string{"three"}
	if _, err := Preview(t.Context(), request); err != nil || !slices.Equal(joined, []string{"three"}) {
		t.Errorf("joined %q, %v", joined, err)
	}
}

// Rows of two clocks have the best latency that the clocks allow.
func TestClocksAreTranslated(t *testing.T) {
	const shift = int64(86400e9)
	for name, test := range map[string]struct {
		estimates []offset.Estimate
		latency   int64
		clock     string
		want      int64
	}{
		"a narrow bound":              {[]offset.Estimate{{At: 0, Offset: shift, Bound: 50}, {At: 100, Offset: shift, Bound: 40}}, 1000, results.ClockOffset, 1000},
		"a wide bound":                {[]offset.Estimate{{At: 0, Offset: shift, Bound: 51}, {At: 100, Offset: shift, Bound: 40}}, 1000, results.ClockAcknowledged, 1800},
		"a clock that has jumped":     {[]offset.Estimate{{At: 0, Offset: shift, Bound: 5}, {At: 1000, Offset: shift + 2000, Bound: 5}}, 1000, results.ClockAcknowledged, 1800},
		"an offset that cannot be":    {[]offset.Estimate{{At: 0, Offset: shift + 900, Bound: 1}, {At: 100, Offset: shift + 900, Bound: 1}}, 1000, results.ClockAcknowledged, 1800},
		"no estimate after the batch": {[]offset.Estimate{{At: 0, Offset: shift, Bound: 5}}, 1000, results.ClockAcknowledged, 1800},
		"no estimate":                 {nil, 1000, results.ClockAcknowledged, 1800},
	} {
		c := &clocks{estimates: [][]offset.Estimate{test.estimates}}
		// Phases of 100 ns but for the transfer, and 500 ns of reading.
		row := results.Trial{Status: results.OK, T0: 500, Latency: test.latency + shift, Consumed: test.latency + 500 + shift,
			Serialize: 100, CopyOut: 100, Transfer: test.latency - 400 + shift, CopyIn: 100, Deserialize: 100}
		trials := []results.Trial{row, {Status: results.Failed, Clock: results.ClockAcknowledged}}
		c.translate(trials, []int64{1800, 0})
		got := trials[0]
		if got.Clock != test.clock || got.Latency != test.want || got.Consumed < got.Latency || got.Serialize+got.CopyOut+got.Transfer+got.CopyIn+got.Deserialize != got.Latency {
			t.Errorf("%s: %+v", name, got)
		}
		if (got.ClockBound > 0) != (len(test.estimates) > 1) || trials[1].Latency != 0 {
			t.Errorf("%s: bound %d; %+v", name, got.ClockBound, trials[1])
		}
	}
}

// Auto is replaced by the transport for the placement, and the plan has that as its route.
func TestAutoIsSettledByPlacement(t *testing.T) {
	machine := testMachine()
	machine.Transports = append(machine.Transports, stub{info: transport.Info{Name: "auto", Codecs: []transport.Codec{transport.None},
		Routes: map[string]string{"shim": "user/copy", "intra": "kernel/stream", "inter": "limit/tcp"}}})
	machine.Peers = []Peer{peer{}}
	plan := planOn(t, machine, Axes{Transports: []string{"auto", "user/copy"}, Engines: []string{"wazero"}, Sizes: []Size{mib},
		Placement: []string{"shim", "intra", "inter"}})
	var got []string
	for _, cell := range plan.Cells {
		line := cell.Transport + " " + cell.Placement + " " + cell.Route
		if cell.Skip != "" {
			line += "skipped"
		}
		got = append(got, line)
	}
	want := []string{"auto shim user/copy", "auto intra kernel/stream", "auto inter limit/tcp", "user/copy shim skipped", "user/copy intra ", "user/copy inter skipped"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if infos := plan.transports(machine); infos.Of("auto").Name != "auto" {
		t.Errorf("the manifest has %+v", infos)
	}
	if err := plan.check(byName(machine.Transports)); err != nil {
		t.Error(err)
	}
}

// A run of both placements waits for its second node: its cells are skipped, and taken up when the run is resumed
// with one.
func TestCellsAwaitAPeer(t *testing.T) {
	t.Setenv(PeerVariable, "")
	path := configFile(t, "reps: 4\nexperiments:\n  - {name: near, transports: [user/copy], engines: [wazero]}\n  - {name: far, transports: [limit/tcp, user/copy], engines: [wazero], placement: [inter]}\nsizes: [1KiB]\n")
	machine := testMachine()
	settled, err := planOf(t.Context(), Request{Flags: Config{File: path}, Machine: &machine}, &machine)
	if err != nil {
		t.Fatal(err)
	}
	plan := settled.Plan
	plan.Window = time.Millisecond
	waiting := func() (n int) {
		for i := range plan.Cells {
			if cell := &plan.Cells[i]; cell.awaitsPeer() != (cell.Placement == inter && cell.Transport == "limit/tcp") {
				t.Errorf("%s %s: skipped %q", cell.Transport, cell.Placement, cell.Skip)
			} else if cell.awaitsPeer() {
				n++
			}
		}
		return n
	}
	if waiting() == 0 {
		t.Fatalf("%+v", plan.Cells)
	}
	first := newInter(t, peer{})
	first.runner.Machine.Peers = nil
	first.runner.Plan = plan
	first.run(t)
	second := newInter(t, peer{bound: 1, after: 1 << 30})
	plan.takeUp(second.runner.Machine)
	twice := make(map[string]int)
	for _, cell := range plan.Cells {
		if cell.Twice {
			twice[cell.Experiment]++
		}
	}
	if twice["near"] != 1 || twice["far"] != 1 {
		t.Errorf("measured twice: %v", twice)
	}
	rows, windows := second.resume(t, first)
	rows = results.Latest(rows)
	for _, row := range rows {
		if stays := row.Transport == "user/copy" && row.Placement == inter; stays != (row.Status == results.Skipped) || strings.Contains(row.Reason, "second node") {
			t.Errorf("%s %s: %s, %s", row.Transport, row.Engine, row.Status, row.Reason)
		}
	}
	if missing := plan.account(rows, windows); missing != nil {
		t.Error(missing)
	}
}
