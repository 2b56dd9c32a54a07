package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"rrbench/catalogue"
	"rrbench/engines"
	"rrbench/foreign"
	"rrbench/modes"
	"rrbench/payloads"
	"rrbench/results"
	"rrbench/runtimes"
	"rrbench/shim"
	"rrbench/shim/launch"
	"rrbench/transport"
	"rrbench/tune/crossovers"
)

// Plan is a settled sweep. The manifest holds it, and a run that is resumed takes it from there.
type Plan struct {
	Preset string `json:"preset,omitempty"`
	Seed   uint64 `json:"seed"`
	// Blocks is the number of passes: the largest number of starts that a cell has.
	Blocks int `json:"blocks"`
	Warmup int `json:"warmup"`
	// Window is the length of the windows of a cell, all of its starts together.
	Window   time.Duration `json:"window_ns"`
	Deadline time.Duration `json:"deadline_ns"`
	// UntilWidth is the width, as a share of the latency, to which more starts narrow each cell's interval; 0 measures the
	// planned starts alone. Budget is the time after which no more are begun, Stopped the reason why none are.
	UntilWidth float64       `json:"until_width,omitempty"`
	Budget     time.Duration `json:"budget_ns,omitempty"`
	Stopped    string        `json:"stopped,omitempty"`
	// Crossovers is the origin of the cells' crossovers; empty where no cell has one.
	Crossovers string        `json:"crossovers,omitempty"`
	Cells      []PlannedCell `json:"cells"`
	Warnings   []string      `json:"warnings,omitempty"`
}

// PlannedCell is a cell with everything that running it takes.
type PlannedCell struct {
	results.Point
	// Reps is the number of measured rounds, spread over Starts of fresh functions.
	Reps   int `json:"reps"`
	Starts int `json:"starts"`
	// More is the number of further starts of as many rounds, for UntilWidth.
	More int `json:"more_starts,omitempty"`
	// Twice is set where the cell has twice the starts: the second half shows the noise of the run.
	Twice   bool          `json:"twice,omitempty"`
	Payload payloads.Kind `json:"payload"`
	Guest   string        `json:"guest,omitempty"`
	// Kind is that of an experiment on programs, empty for hand-offs; Phases are those of a run, separated by commas, and
	// Command is the command of a runtime that the user has added. Full is set for the published arguments.
	Kind      runtimes.Kind `json:"kind,omitempty"`
	Phases    string        `json:"phases,omitempty"`
	Command   string        `json:"command,omitempty"`
	Full      bool          `json:"full,omitempty"`
	Parameter string        `json:"parameter,omitempty"`
	// StandIn is the name of what takes the place of a missing participant. The cell's engine column has it behind the
	// engine's name.
	StandIn string `json:"stand_in,omitempty"`
	// Clock is that of results.Trial; empty stands for one that all share.
	Clock string `json:"clock,omitempty"`
	// Skip is the reason why this cell cannot run here; empty when it can.
	Skip string `json:"skip,omitempty"`
}

// narrowing reports whether more starts may follow those that are planned.
func (p *Plan) narrowing() bool { return p.UntilWidth > 0 && p.Stopped == "" }

func (c *PlannedCell) mechanism() string { return cmp.Or(c.Route, c.Transport) }

// runtime is the engine that runs the cell's functions.
func (c *PlannedCell) runtime() string {
	if c.StandIn == "" {
		return c.Engine
	}
	return strings.TrimSuffix(c.Engine, "+"+c.StandIn)
}

// Machine describes the machine and the program for a plan.
type Machine struct {
	// Transports are all that a user can name, those included that stand for others by placement.
	Transports []transport.Transport
	// Engines are the names of all known engines; EngineCheck returns why one cannot run.
	Engines     []string
	EngineCheck func(name string) error
	GuestCheck  func(name string) error
	// FunctionCheck returns the abilities of a guest as a function on an engine, or why it cannot be one.
	FunctionCheck func(engine, guest string) (modes.Abilities, error)
	Peers         []Peer
	Crossovers    crossovers.Choice
	// Programs returns those of an experiment, Runtimes all that can run them, with the commands that a user adds.
	Programs func(context.Context, runtimes.Kind, bool) ([]runtimes.Program, error)
	Runtimes func(added []runtimes.Command, handlers []string) []runtimes.Runtime
	// Launcher returns the launcher of the shims of a transport. CloseLaunchers, when not nil, ends what launchers share.
	Launcher        func(transport.Info) shim.Launcher
	CloseLaunchers  func() error
	AvailableMemory int64
	Resources       shim.Resources
}

// processMemory is about how much memory a shim needs beside payloads, in bytes.
const processMemory = 48 * mib

// NewPlan turns a settled request into a plan. The error is a *UsageError with the value and the remedy.
func NewPlan(config Config, machine Machine) (*Plan, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	plan := &Plan{
		Preset:   config.Preset,
		Seed:     *config.Seed,
		Warmup:   *config.Warmup,
		Window:   cmp.Or(windows[config.Preset], time.Second),
		Deadline: config.Deadline,
	}
	switch width := float64(config.UntilWidth); {
	case width > 0:
		plan.UntilWidth, plan.Budget = width, cmp.Or(config.Budget, usualBudget)
	case config.Budget > 0:
		return nil, config.fault("budget", errors.New("budget is for starts until intervals are narrow: give until-width as well"))
	}
	if limit := int64(config.MemoryLimit); limit > 0 {
		machine.AvailableMemory = min(machine.AvailableMemory, limit)
	}
	for _, experiment := range config.Experiments {
		cells, err := machine.expandAny(&config, experiment)
		if err != nil {
			return nil, err
		}
		plan.Cells = append(plan.Cells, cells...)
		if len(plan.Cells) > maxCells {
			return nil, tooManyCells(float64(len(plan.Cells)))
		}
	}
	plan.Cells = distinct(plan.Cells)
	for _, cell := range plan.Cells {
		plan.Blocks = max(plan.Blocks, cell.Starts)
	}
	plan.awaitPeers(machine)
	plan.chooseTwice(byName(machine.Transports))
	plan.noteCrossovers(config.Experiments, machine)
	if len(plan.Cells) == 0 {
		return nil, usage("no cell to measure: the transports and engines asked for have none in common (--transports, --engines)")
	}
	if err := plan.checkVolume(); err != nil {
		return nil, usage("%v: give less (--reps, --starts, --rounds, --warmup, --fanout, --fanin, --concurrency, --sizes)", err)
	}
	return plan, nil
}

func tooManyCells(n float64) error {
	return usage("%s cells are more than the %s that a run may have: give shorter lists, or several runs", humanize.Commaf(n), humanize.Comma(maxCells))
}

// checkVolume refuses plans that no machine could finish, or whose sums would overflow.
func (p *Plan) checkVolume() error {
	var handoffs, bytes float64
	for _, cell := range p.Cells {
		n := float64(cell.Reps+cell.Starts*(1+p.Warmup)) * float64(cell.halves()*cell.Handoffs())
		handoffs += n
		bytes += n * float64(cell.SizeBytes)
	}
	if handoffs > maxHandoffs || bytes > maxBytes {
		return fmt.Errorf("%s hand-offs (%s) are more than the %s (%s) that a run may have", humanize.Commaf(handoffs),
			humanize.SIWithDigits(bytes, 1, "B"), humanize.Comma(maxHandoffs), humanize.SIWithDigits(maxBytes, 1, "B"))
	}
	return nil
}

// windows are the lengths of the windows of a cell, all of its starts together, by preset: short where the run only tries
// the machine out, long where ten starts take longer than a second of windows.
var windows = map[string]time.Duration{"smoke": 100 * time.Millisecond, "paper": longWindow}

const longWindow = 2 * time.Second

// chooseTwice marks one cell of each experiment to be measured twice, the one of median length, unless one is marked already.
func (p *Plan) chooseTwice(infos map[string]transport.Info) {
	byExperiment := make(map[string][]int)
	for i, cell := range p.Cells {
		if cell.Skip == "" {
			byExperiment[cell.Experiment] = append(byExperiment[cell.Experiment], i)
		}
	}
	for _, cell := range p.Cells {
		if cell.Twice {
			delete(byExperiment, cell.Experiment)
		}
	}
	for _, cells := range byExperiment {
		slices.SortStableFunc(cells, func(a, b int) int {
			return cmp.Compare(p.estimate(Visit{Cell: a}, infos), p.estimate(Visit{Cell: b}, infos))
		})
		p.Cells[cells[(len(cells)-1)/2]].Twice = true
	}
}

// mostStarts and leastStarts bound the number of starts over which the rounds of --reps are spread.
const (
	mostStarts  = 10
	leastStarts = 3
)

func (a Axes) repetitions() (reps, starts int) {
	if a.Reps == 0 {
		return a.Starts * a.Rounds, a.Starts
	}
	return a.Reps, min(a.Reps, mostStarts, max(leastStarts, int(math.Ceil(math.Sqrt(float64(a.Reps))))))
}

func mix(sizes []Size) string {
	names := make([]string, len(sizes))
	for i, size := range sizes {
		names[i] = size.String()
	}
	return strings.Join(names, ",")
}

func parseMix(text string, largest int64) ([]int64, error) {
	if text == "" {
		return []int64{largest}, nil
	}
	var sizes []int64
	for name := range strings.SplitSeq(text, ",") {
		size, err := payloads.ParseSize(name)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, size)
	}
	if slices.Max(sizes) != largest {
		return nil, fmt.Errorf("size mix %s, of which the largest is not %d", text, largest)
	}
	return sizes, nil
}

func (c *PlannedCell) sizes() []int64 {
	sizes, _ := parseMix(c.SizeMix, c.SizeBytes) // a plan has been checked
	return sizes
}

// product is the product of lists of values. Points beyond the number that a run may have are only counted.
type product struct {
	points []results.Point
	count  float64
}

func times[T any](p *product, values []T, set func(*results.Point, T)) {
	var all []results.Point
	for _, point := range p.points {
		for _, value := range values {
			if set(&point, value); len(all) <= maxCells {
				all = append(all, point)
			}
		}
	}
	p.points, p.count = all, p.count*float64(len(values))
}

func (a Axes) conditions(all *product, info transport.Info) {
	if a.SizeMix != nil {
		times(all, [][]Size{a.SizeMix}, func(p *results.Point, mixed []Size) {
			p.SizeBytes, p.SizeMix = int64(slices.Max(mixed)), mix(mixed)
		})
	} else {
		times(all, a.Sizes, func(p *results.Point, size Size) { p.SizeBytes = int64(size) })
	}
	type fan struct {
		out   int
		order string
	}
	var fans []fan
	for _, out := range a.Fanout {
		for _, order := range a.FanoutOrder {
			if out > 1 || order == a.FanoutOrder[0] {
				fans = append(fans, fan{out, order})
			}
		}
	}
	times(all, fans, func(p *results.Point, f fan) { p.Fanout, p.FanoutOrder = f.out, f.order })
	times(all, a.Fanin, func(p *results.Point, n int) { p.Fanin = n })
	times(all, a.Concurrency, func(p *results.Point, n int) { p.Concurrency = n })
	launchers := a.Launcher
	if launchers == nil {
		launchers = []string{launch.Own(info)}
	}
	times(all, launchers, func(p *results.Point, launcher string) { p.Launcher = launcher })
	if a.Rate != nil {
		times(all, a.Rate, func(p *results.Point, rate int) { p.Rate = results.Rate(rate) })
	}
	if info.Runs != transport.NoFunction {
		times(all, a.Consume, func(p *results.Point, consume transport.Consume) { p.Consume = string(consume) })
	}
}

func (m Machine) expand(e Experiment) ([]PlannedCell, error) {
	chosen, err := m.chooseTransports(e.Axes)
	if err != nil {
		return nil, err
	}
	engines, err := m.chooseEngines(e.Axes)
	if err != nil {
		return nil, err
	}
	if err := m.checkAxes(e.Axes); err != nil {
		return nil, err
	}
	reps, starts := e.repetitions()
	var cells []PlannedCell
	guests := make(map[string]ability) // of the guest, by engine
	asked := m.routed(chosen, e.Axes)
	if e.ContainerdRuntime != nil && !slices.ContainsFunc(asked, routed.byContainerd) {
		return nil, e.fault("containerd-runtime", errors.New("containerd-runtime is for programs and for http/external: give experiment compute or coldstart, or that transport, as well"))
	}
	for _, one := range asked {
		info, axes := one.Info(), e.Axes
		if one.byContainerd() {
			axes.Launcher = []string{transport.LauncherContainerd}
			info, _ = launch.By(info, transport.LauncherContainerd, transport.NativeEngine) // byContainerd implies that it can
		}
		value, replacement, err := info.Parameter.Resolve(one.given)
		cannot, unavailable := errors.AsType[*transport.Unavailable](err)
		if err != nil && !unavailable {
			return nil, e.fault(info.Parameter.Flag, err)
		}
		standIn, behind := "", ""
		if replacement != nil {
			standIn, behind = replacement.Name, "+"+replacement.Name
		}
		first := results.Point{Cell: results.Cell{Experiment: e.Name, Transport: one.name}, Conditions: results.Conditions{Route: one.route}}
		all := product{[]results.Point{first}, 1}
		times(&all, enginesOf(info, engines), func(p *results.Point, engine string) { p.Engine = engine + behind })
		times(&all, codecsOf(info, e.Codecs), func(p *results.Point, codec transport.Codec) { p.Codec = string(codec) })
		times(&all, one.placements, func(p *results.Point, placement string) { p.Placement = placement })
		axes.conditions(&all, info)
		if n := float64(len(cells)) + all.count; n > maxCells {
			return nil, tooManyCells(n)
		}
		for _, point := range all.points {
			cell := PlannedCell{Point: point, Reps: reps, Starts: starts, Payload: e.Payload, StandIn: standIn}
			engine := cell.runtime()
			cell.Parameter = m.parameterFor(info, value, engine)
			_, own := info.Guests[transport.Codec(cell.Codec)]
			foreignGuest := info.Runs == transport.Wasm && !own
			if info.Acknowledged || cell.Placement == inter {
				cell.Clock = results.ClockAcknowledged
			}
			var across error
			if launched, err := launch.By(info, cell.Launcher, engine); cell.Placement == inter && err == nil {
				cell.Parameter, across = launch.Across(launched, cell.Parameter)
			}
			if info.Runs == transport.Wasm {
				cell.Guest = e.Guest
			}
			if cell.Skip = m.reasonToSkip(cell); cell.Skip == "" && across != nil {
				cell.Skip = across.Error()
			}
			if cell.Skip == "" && unavailable {
				cell.Skip = cannot.Error()
			}
			var can ability
			if foreignGuest && cell.Skip == "" {
				if _, known := guests[engine]; !known {
					can.Abilities, can.fault = m.FunctionCheck(engine, e.Guest)
					guests[engine] = can
				}
				if can = guests[engine]; can.fault != nil {
					cell.Skip = foreign.Error(can.fault)
				}
			}
			cells = append(cells, e.origins(cell, info, can, foreignGuest)...)
		}
	}
	for _, can := range guests {
		if can.fault == nil {
			return cells, nil
		}
		err = can.fault
	}
	if err != nil { // on no engine
		return nil, e.fault("guest", errors.New(foreign.Error(err)))
	}
	return cells, nil
}

// routed is a transport with the value of its parameter, or the transport that another one stands for at some placements.
type routed struct {
	transport.Transport
	name, route string
	placements  []string
	given       string
}

func (r routed) byContainerd() bool { return strings.HasPrefix(r.given, transport.ByContainerd) }

// routed finds the transport for each placement of those that stand for others, and adds one for each runtime of containerd's
// that starts a target.
func (m Machine) routed(chosen []transport.Transport, a Axes) (all []routed) {
	for _, t := range chosen {
		info := t.Info()
		for _, name := range a.ContainerdRuntime {
			if info.Parameter.Starts() {
				all = append(all, routed{t, info.Name, "", a.Placement, transport.ByContainerd + name})
			}
		}
		if info.Parameter.Starts() && a.ContainerdRuntime != nil && a.given(info) == "" {
			continue
		}
		if info.Routes == nil {
			all = append(all, routed{t, info.Name, "", a.Placement, a.given(info)})
			continue
		}
		for _, placement := range a.Placement {
			if route, err := m.find(info.Routes[placement]); err == nil {
				all = append(all, routed{route, info.Name, info.Routes[placement], []string{placement}, a.given(route.Info())})
			}
		}
	}
	return all
}

type ability struct {
	modes.Abilities
	fault error
}

// origins makes a cell for each origin that was asked for, by default the first one that the function supports.
func (a Axes) origins(cell PlannedCell, info transport.Info, can ability, foreignGuest bool) []PlannedCell {
	switch {
	case info.Runs == transport.NoFunction:
		return []PlannedCell{cell}
	case info.ParallelOnly && cell.FanoutOrder == serial && cell.Fanout > 1:
		cell.Skip = cmp.Or(cell.Skip, info.Name+" serves all targets of a fan-out at once: use --fanout-order parallel")
	case info.ReadsOnly && cell.Consume == string(transport.ConsumeWrite):
		cell.Skip = cmp.Or(cell.Skip, info.Name+" has targets that change nothing: use --consume read")
	case foreignGuest && cell.Consume == string(transport.ConsumeWrite) && !can.Writes && can.fault == nil:
		cell.Skip = cmp.Or(cell.Skip, "the guest does not export handle_write (docs/guest-abi.md): use --consume read")
	}
	if info.Origins == nil || !foreignGuest {
		cell.Origin = string(transport.OriginHeap)
		return []PlannedCell{cell}
	}
	if a.Origin == nil {
		cell.Origin = string(transport.OriginHost)
		if can.Reason(transport.OriginBuffer, cell.Payload) == "" {
			cell.Origin = string(transport.OriginBuffer)
		}
		return []PlannedCell{cell}
	}
	cells := make([]PlannedCell, len(a.Origin))
	for i, origin := range a.Origin {
		cells[i] = cell
		cells[i].Origin = string(origin)
		if can.fault == nil {
			cells[i].Skip = cmp.Or(cell.Skip, can.Reason(origin, cell.Payload))
		}
	}
	return cells
}

func (m Machine) find(name string) (transport.Transport, error) {
	return catalogue.FindAmong(m.Transports, name)
}

// launched is the transport of a cell, and its Info with the launcher of the cell.
func (m Machine) launched(cell PlannedCell) (transport.Transport, transport.Info, error) {
	t, err := m.find(cell.mechanism())
	if err != nil {
		return nil, transport.Info{}, err
	}
	info, err := launch.By(t.Info(), cell.Launcher, cell.runtime())
	return t, info, err
}

// chooseTransports returns those that were named, or else all but those that lack a parameter or stand for others.
func (m Machine) chooseTransports(a Axes) ([]transport.Transport, error) {
	if a.Transports == nil {
		return slices.DeleteFunc(slices.Clone(m.Transports), func(t transport.Transport) bool {
			info := t.Info()
			lacks := info.Parameter != nil && info.Parameter.Needed != "" && a.given(info) == "" && (a.ContainerdRuntime == nil || !info.Parameter.Starts())
			return lacks || info.Routes != nil
		}), nil
	}
	chosen := make([]transport.Transport, len(a.Transports))
	for i, name := range a.Transports {
		t, err := m.find(name)
		if err != nil {
			return nil, a.fault("transports", err)
		}
		chosen[i] = t
	}
	return chosen, nil
}

func (m Machine) chooseEngines(a Axes) ([]string, error) {
	if a.Engines == nil {
		// An engine that was left out of the build has no rows in a run that does not ask for it.
		return slices.DeleteFunc(slices.Clone(m.Engines), func(name string) bool { return engines.IsNotBuilt(m.EngineCheck(name)) }), nil
	}
	for _, name := range a.Engines {
		if name != transport.NativeEngine && !slices.Contains(m.Engines, name) {
			return nil, a.fault("engines", fmt.Errorf("unknown engine %q: choose from %s", name, strings.Join(m.Engines, ", ")))
		}
	}
	return a.Engines, nil
}

func (m Machine) checkAxes(a Axes) error {
	if err := (Config{Axes: a}).check(); err != nil {
		return err
	}
	if a.Reps != 0 && (a.Starts != 0 || a.Rounds != 0) {
		return a.fault("reps", errors.New("reps beside starts or rounds: give the one, or the others"))
	}
	for _, size := range append(slices.Clone(a.Sizes), a.SizeMix...) {
		if need := 2 * int64(size); need > m.AvailableMemory {
			return a.fault("sizes", fmt.Errorf("size %v: source and target need %v, but %s of memory are free; give a smaller size",
				size, Size(need), humanize.IBytes(uint64(m.AvailableMemory))))
		}
	}
	if err := m.GuestCheck(a.Guest); err != nil {
		return a.fault("guest", err)
	}
	return nil
}

func enginesOf(info transport.Info, asked []string) []string {
	if info.Runs != transport.Wasm {
		return []string{transport.NativeEngine}
	}
	return slices.DeleteFunc(slices.Clone(asked), func(name string) bool { return name == transport.NativeEngine })
}

// usualCodecs are used where the user names none: the faster JSON, and one that separates the cost of copies from that of JSON.
var usualCodecs = []transport.Codec{transport.JSON, transport.Raw}

// codecsOf keeps codecs that were asked for and that the transport does not have: their rows have the reason.
func codecsOf(info transport.Info, asked []string) []transport.Codec {
	if len(info.Codecs) == 1 && info.Codecs[0] == transport.None {
		return info.Codecs
	}
	if asked == nil {
		return slices.DeleteFunc(slices.Clone(usualCodecs), func(c transport.Codec) bool { return !slices.Contains(info.Codecs, c) })
	}
	codecs := make([]transport.Codec, len(asked))
	for i, name := range asked {
		codecs[i] = transport.Codec(name)
	}
	return codecs
}

func (m Machine) reasonToSkip(cell PlannedCell) string {
	t, info, err := m.launched(cell)
	if err != nil {
		return err.Error()
	}
	if err := errors.Join(t.Check(), m.Launcher(info).Check(cell.Parameter), m.Resources.Check(info, cell.Fanout, cell.Sources())); err != nil {
		return foreign.Error(err)
	}
	if info.Parameter != nil && info.Parameter.Needed != "" && cell.Parameter == "" {
		return info.Parameter.Needed
	}
	if cell.Placement == transport.PlacementShim && cell.Route == "" {
		return info.Name + " has a place of its own for its target: placement shim is for auto alone"
	}
	if cell.Fanin > 1 {
		switch {
		case cell.Fanout > 1:
			return "several sources send to one target each: a fan-in has no fan-out"
		case !info.FansIn:
			return info.Name + " takes payloads of one source alone"
		case slices.Contains(info.OneSource, cell.Guest):
			return "the guest " + cell.Guest + " serves one source alone"
		}
	}
	if cell.Placement == inter {
		if reason := m.lacking(info, cell); reason != "" {
			return reason
		}
	}
	if info.Runs == transport.Wasm {
		err := m.EngineCheck(cell.runtime())
		if err == nil {
			instances := cell.Sources() // in the shim with the most of them
			if info.Hosting == transport.SharedProcess {
				instances += cell.Concurrency * cell.Fanout
			}
			err = engines.CheckAddressSpace(cell.runtime(), instances)
		}
		if err != nil {
			return err.Error()
		}
	}
	if !slices.Contains(info.Codecs, transport.Codec(cell.Codec)) {
		return fmt.Sprintf("%s has no codec %s", info.Name, cell.Codec)
	}
	if info.Runs == transport.Wasm {
		if _, err := modes.GuestOf(info, transport.Codec(cell.Codec), cell.Guest); err != nil {
			return foreign.Error(err)
		}
	}
	if need := memoryOf(info, cell); need > m.AvailableMemory {
		return fmt.Sprintf("needs about %s of memory (%d payloads of %s, %d shims of %s), %s are free (--memory-limit)", humanize.IBytes(uint64(need)),
			buffersOf(info, cell), Size(cell.SizeBytes), shim.ShimsOf(info, cell.Fanout), humanize.IBytes(processMemory), humanize.IBytes(uint64(m.AvailableMemory)))
	}
	return ""
}

func buffersOf(info transport.Info, cell PlannedCell) int64 {
	return int64(cell.Sources()*info.CopiesAtSource + cell.Concurrency*cell.Fanout*info.CopiesPerTarget)
}

func memoryOf(info transport.Info, cell PlannedCell) int64 {
	return buffersOf(info, cell)*cell.SizeBytes + int64(shim.ShimsOf(info, cell.Fanout))*processMemory
}

// distinct drops duplicate cells.
func distinct(cells []PlannedCell) []PlannedCell {
	seen := make(map[PlannedCell]bool, len(cells))
	return slices.DeleteFunc(cells, func(cell PlannedCell) bool {
		again := seen[cell]
		seen[cell] = true
		return again
	})
}

// parameterFor returns a cell's parameter. For a transport that chooses by size it is the crossover in bytes, so that both
// ends of a hand-off, and a run that is resumed elsewhere or later, use the same.
func (m Machine) parameterFor(info transport.Info, value, engine string) string {
	choice := info.Crossover()
	if choice == nil {
		return value
	}
	switch value {
	case "":
		from, _ := m.Crossovers.InUse(info, engine)
		return choice.StartAt(from)
	case transport.BuiltIn:
		return choice.StartAt(choice.Default)
	}
	return value
}

func (p *Plan) noteCrossovers(experiments []Experiment, machine Machine) {
	var given, looked bool
	for _, t := range machine.Transports {
		info := t.Info()
		if info.Crossover() == nil || !slices.ContainsFunc(p.Cells, func(c PlannedCell) bool { return c.Transport == info.Name }) {
			continue
		}
		for _, e := range experiments {
			given = given || e.given(info) != ""
			looked = looked || e.given(info) == ""
		}
	}
	switch {
	case looked:
		p.Crossovers = machine.Crossovers.Origin()
		if machine.Crossovers.Warning != "" {
			p.Warnings = append(p.Warnings, machine.Crossovers.Warning)
		}
	case given:
		p.Crossovers = "given"
	}
}
