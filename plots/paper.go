package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
	"rrbench/results/published"
)

// The figures of the Roadrunner paper's evaluation (Marcelino, Pusztai, Nastic, Middleware 2025),
// one for each panel, and CWASI's (Marcelino, Nastic, SEC 2023), with the published values beside the run's
// own. What a figure shows is in the tables below.

// A system is one of the paper's and what stands for it in a run: the first of the transports that
// the run has. One that is best is the mechanism that is best here, which was not published. What was
// published has the outline of the shape.
type system struct {
	published  string
	transports []string
	color      color.NRGBA
	shape      onWhite
	best       bool
}

var (
	tilted = onWhite{diamond{true}, diamond{false}}

	userMode   = system{"roadrunner-user", []string{"user/copy"}, blue, round, false}
	userBest   = system{"", []string{"user", "user/memfd", "user/remap"}, skyBlue, round, true}
	kernelMode = system{"roadrunner-kernel", []string{"kernel/stream"}, bluishGreen, square, false}
	kernelBest = system{"", []string{"kernel", "kernel/memfd", "kernel/ring", "kernel/cma"}, color.NRGBA{110, 200, 130, 255}, square, true}
	networkOwn = system{"roadrunner-network", []string{"network/splice"}, reddishPurple, round, false}
	networkTop = system{"", []string{"network", "network/zerocopy", "network/stream"}, color.NRGBA{225, 170, 200, 255}, round, true}
	container  = system{"runc-http", []string{"http/container"}, orange, tilted, false}
	inWasm     = system{"wasmedge-http", []string{"http/wasi"}, vermillion, pointed, false}
)

// A group of panels has its systems, its axis and its place in the published tables in common.
type group struct {
	id, caption string
	values      func() []published.Value
	// experiment is the table's, log that of the log with makespans.
	experiment, log  string
	placement, where string
	systems          []system
	// x is the axis; of size and fan-out those that it does not show are what they are in the paper.
	x      property
	size   int64
	fanout int
	// limit is what the machine reaches without functions.
	limit   string
	metrics []metric
}

var (
	withinNode   = []system{userMode, userBest, kernelMode, kernelBest, container, inWasm}
	betweenNodes = []system{networkOwn, networkTop, container, inWasm}
	// CWASI chooses by where the target runs. HTTP between containers, or an endpoint, stands for OpenFaaS.
	ofCWASI = []system{
		{"cwasi-uds", []string{"auto"}, skyBlue, round, false}, {"", []string{"kernel/stream"}, bluishGreen, square, false},
		inWasm, {"", []string{"redis/pubsub"}, reddishPurple, square, false}, {"openfaas-http", []string{"http/container", "http/external"}, orange, tilted, false},
	}
)

var groups = []group{
	{"intra", "The Roadrunner paper's figure 7 (by grouping).", published.Roadrunner, "sequential", "", "intra", "intra-node", withinNode, payload, 0, 1, "limit/memcpy", metrics},
	{"inter", "The Roadrunner paper's figure 8 (by grouping).", published.Roadrunner, "sequential", "", "inter", "inter-node", betweenNodes, payload, 0, 1, "limit/tcp", metrics},
	{"fanout-intra", "The Roadrunner paper's figure 9 (by grouping).", published.Roadrunner, "parallel", "parallel-log", "intra", "intra-node", withinNode, fanout, 10 << 20, 0, "limit/memcpy", metrics},
	{"fanout-inter", "The Roadrunner paper's figure 10 (by grouping).", published.Roadrunner, "parallel", "parallel-log", "inter", "inter-node", betweenNodes, fanout, 10 << 20, 0, "limit/tcp", metrics},
	{"cwasi-seq", "CWASI, one target.", published.CWASI, "cwasi-sequential", "", "intra", "intra-node", ofCWASI, payload, 0, 1, "limit/unix", cwasiMetrics},
	{"cwasi-fanout", "CWASI, fan-out 10.", published.CWASI, "cwasi-fanout10", "", "intra", "intra-node", ofCWASI, payload, 0, 10, "limit/unix", cwasiMetrics[:2]},
	{"cwasi-fanout", "CWASI, fan-out.", published.CWASI, "cwasi-fanout", "", "intra", "intra-node", ofCWASI, fanout, 2 << 20, 0, "limit/unix", cwasiMetrics[2:]},
	{"cwasi-fanin", "CWASI, fan-in. Published is one value for a mix of fan-ins.", published.CWASI, "cwasi-fanin", "", "intra", "intra-node", ofCWASI, fanin, 2 << 20, 1, "limit/unix", cwasiMetrics[:2]},
}

// A metric is what a panel of each group shows.
type metric struct {
	id, published, title string
	// suffix is behind the experiment's name in the table.
	suffix string
	// scale makes a published value one of ours.
	scale float64
	label func(float64) string
	unit  string
	// column is the measure; inverse shows hand-offs a second by it.
	column  string
	inverse bool
	// normalised divides by the panel's largest value.
	normalised bool
	// limited draws the limit; beside is another metric in a panel of its own.
	limited bool
	beside  *metric
	caption string
}

// rate is a metric that was measured, not computed from a latency: in fan-out, targets over makespan.
var rate = metric{id: "rate", title: "measured rate, hand-offs a second", scale: 1, label: plainLabel, unit: "1/s", column: "throughput_ops_per_s"}

const cpuCaption = "Published CPU is a fraction of each panel's maximum, over a container's whole life; ours is that of one hand-off over the largest in the panel. The CSV has nanoseconds."

const serializationCaption = "Roadrunner's modes serialize nothing here (0); what the paper's log calls so is not zero."

var metrics = []metric{
	{id: "latency", published: "total_latency", title: "latency", scale: 1e9, label: durationLabel, unit: "ns", column: "latency_median_ns", limited: true},
	{id: "serialization-latency", published: "serialization_latency", title: "serialization and deserialization", scale: 1e9, label: durationLabel, unit: "ns", column: "serialization_median_ns", caption: serializationCaption},
	{id: "throughput", published: "total_throughput", title: "1 / latency, in 1/s", scale: 1, label: plainLabel, unit: "1/s", column: "latency_median_ns", inverse: true, limited: true, beside: &rate,
		caption: "Published throughput is 1 / latency of tasks that ran one after another; the measured rate is beside it."},
	{id: "serialization-throughput", published: "serialization_throughput", title: "1 / serialization, in 1/s", scale: 1, label: plainLabel, unit: "1/s", column: "serialization_median_ns", inverse: true, caption: serializationCaption},
	{id: "cpu-user", published: "cpu_user", title: "user CPU, of the panel's maximum", scale: 1, label: plainLabel, unit: "ns", column: "cpu_user_ns_per_op", normalised: true, caption: cpuCaption},
	{id: "cpu-kernel", published: "cpu_kernel", title: "kernel CPU, of the panel's maximum", scale: 1, label: plainLabel, unit: "ns", column: "cpu_kernel_ns_per_op", normalised: true, caption: cpuCaption},
	{id: "cpu-total", published: "cpu_total", title: "CPU, of the panel's maximum", scale: 1, label: plainLabel, unit: "ns", column: "cpu_ns_per_op", normalised: true, caption: cpuCaption},
	{id: "ram", published: "ram", title: "memory: peak PSS of all processes", scale: 1e6, label: memoryLabel, unit: "bytes", column: "pss_peak_bytes",
		caption: "Published memory is that of a container's cgroup; ours is the peak of all processes, shared pages counted once."},
}

var cwasiMetrics = []metric{
	{id: "latency", published: "total_latency_median", title: "latency", scale: 1e9, label: durationLabel, unit: "ns", column: "latency_median_ns", limited: true},
	{id: "throughput", published: "throughput_median", suffix: "-throughput", title: "throughput, hand-offs a second", scale: 1, label: plainLabel, unit: "1/s", column: "throughput_ops_per_s"},
	{id: "resource", published: "host_cpu_median", suffix: "-cpu", title: "CPU, of the panel's maximum", scale: 1, label: plainLabel, unit: "ns", column: "cpu_ns_per_op", normalised: true,
		beside:  &metric{id: "memory", published: "host_ram_median", suffix: "-ram", title: "memory, of the panel's maximum", scale: 1, label: plainLabel, unit: "bytes", column: "pss_peak_bytes", normalised: true},
		caption: "Published CPU and memory are the whole host's; both are shown over the largest in the panel. The CSV has ours in nanoseconds and bytes."},
}

// flags explains what is wrong with published values.
var flags = map[string]string{
	"log-differs":        "the authors' own log has another value",
	"self-contradiction": "another published value excludes it",
	"outliers-dropped":   "the mean leaves tasks out",
	"derived":            "computed from other bars, not measured",
}

// paperFigures are the Roadrunner paper's 35 and CWASI's.
func paperFigures() []figure {
	figures := []figure{
		{coldStartFigure, motivationColdStart},
		{"motivation-io", share{
			number: "2b", experiment: "motivation-io", systems: []system{{published: "container", transports: container.transports}, {published: "wasmedge", transports: inWasm.transports}}, sizes: []int64{1 << 20, 60 << 20, 100 << 20},
			parts: []sharedPart{{"serialization", "serialization", orange, []string{"serialization_median_ns"}}, {"transfer, copies in and out of Wasm included", "transfer", blue, []string{"vm_io_median_ns", "transfer_median_ns"}}},
		}.compose},
		{"breakdown", share{
			number: "6", experiment: "breakdown", systems: []system{networkOwn, networkTop, container, inWasm}, sizes: []int64{100 << 20},
			parts: []sharedPart{{"serialization", "latency_serialization", orange, []string{"serialization_median_ns"}}, {"Wasm VM I/O", "latency_wasm_vm_io", bluishGreen, []string{"vm_io_median_ns"}},
				{"transfer", "latency_transfer", blue, []string{"transfer_median_ns"}}},
			caption: "Wasm VM I/O is measured here, copies out of A's memory and into B's; the paper's was a subtraction.",
		}.compose},
	}
	for _, g := range groups {
		for _, m := range g.metrics {
			figures = append(figures, figure{g.id + "-" + m.id, (&paperFigure{g, m}).compose})
		}
	}
	return figures
}

// A paperFigure is one panel of the paper's, or two where the measured rate stands beside.
type paperFigure struct {
	group
	metric
}

type curve struct {
	system
	label string
	marks []mark
}

func (f *paperFigure) compose(cells []*cell) (*sheet, error) {
	chosen, lacking := f.choose(cells)
	if len(chosen) < comparedSystems {
		return nil, f.lacking()
	}
	s := &sheet{xTitle: f.x.title, width: columnWidth, panelHeight: 2.1 * vg.Inch, panels: [][]*plot.Plot{nil}, legend: legend{iconWidth: 18}}
	s.table = [][]string{{"from", "system", "transport", "engine", "codec", "placement", "size_bytes", "fanout", "fanin", "fanout_order", "origin", "starts",
		"shown", "unit", "value", "lo", "hi", "drawn_value", "flag", "other_value", "source", "drawn", "cell_id"}}
	first := f.curves(chosen, f.metric)
	seen := make(map[string]bool)
	s.yTitle = f.title
	var limit []*cell
	if f.limited {
		limit = system{transports: []string{f.group.limit}}.in(where(cells, f.comparable), "")
	}
	s.panels[0] = append(s.panels[0], f.panel(s, f.metric, first, f.published(f.metric), limit, seen))
	if f.beside != nil {
		other := *f.beside
		if other.id == rate.id && f.log != "" {
			other.title, other.published = "targets over makespan, in 1/s", "makespan"
		}
		p := f.panel(s, other, f.curves(chosen, other), f.published(other), nil, seen)
		p.Add(frame{other.title})
		s.panels[0][0].Add(frame{f.title})
		s.panels[0], s.width, s.yTitle, s.apart = append(s.panels[0], p), pageWidth, "", true
	}
	for _, c := range first {
		if slices.ContainsFunc(c.marks, func(k mark) bool { return positive(k.Value) }) {
			s.legend.entries = append(s.legend.entries, c.look().entry(c.label))
		}
	}
	if len(limit) > 0 {
		s.legend.entries = append(s.legend.entries, lineEntry(f.group.limit, limitLine))
	}
	s.legend.entries = append(s.legend.entries, publishedEntries(seen)...)
	words := []string{f.group.caption, "Hollow: as published, other hardware.", f.metric.caption}
	if f.size > 0 {
		words = append(words, "One payload is "+sizeLabel(float64(f.size))+".")
	}
	s.caption = captionOf(words, chosen, seen, lacking)
	return s, nil
}

// captionOf puts a caption together: what it is, on which engine, what is wrong with what was published, and
// what the run lacks.
func captionOf(words []string, chosen [][]*cell, seen map[string]bool, lacking []string) string {
	cells := slices.Concat(chosen...)
	if engines := engines(ordered(cells)); len(engines) > 0 {
		words = append(words, "Engine: "+strings.Join(engines, ", ")+".")
	}
	if slices.ContainsFunc(cells, func(c *cell) bool { return strings.Contains(c.Notes, results.ClockAcknowledged) }) {
		words = append(words, "Where no clock is shared, latencies are until A has B's answer.")
	}
	for _, flag := range slices.Sorted(maps.Keys(seen)) {
		words = append(words, fmt.Sprintf("Crossed, %s: %s.", flag, flags[flag]))
	}
	if len(lacking) > 0 {
		words = append(words, "Not in this run: "+strings.Join(lacking, ", ")+".")
	}
	return strings.Join(words, " ")
}

// comparedSystems is how many of a figure's systems a run must have: one is not compared with any.
const comparedSystems = 2

// lacking names the command that measures what the figure shows.
func (f *paperFigure) lacking() error {
	var transports []string
	for _, s := range f.systems {
		transports = append(transports, s.transports[0])
	}
	line := "rrbench sweep --transports " + strings.Join(append(transports, f.limit), ",") + " --codecs json"
	if f.size > 0 {
		line += fmt.Sprintf(" --sizes %dMiB --%s %s", f.size>>20, strings.ReplaceAll(f.x.name, "-", ""), counts[f.x.name])
	} else {
		line += " --sizes 1MiB,10MiB,60MiB,100MiB"
	}
	if f.fanout > 1 {
		line += fmt.Sprintf(" --fanout %d", f.fanout)
	}
	return errNoData("the run lacks its cells; measure them with: " + line + when(f.placement == "inter", " --placement inter --peer JOIN"))
}

// counts are what the papers have measured of an axis.
var counts = map[string]string{fanout.name: "1,10,20,40,60,80,100", fanin.name: "1,2,5,10"}

// choose finds each system's cells in the run, and names the systems that have none.
func (f *paperFigure) choose(cells []*cell) (chosen [][]*cell, lacking []string) {
	cells = where(cells, f.comparable)
	if f.size > 0 && !slices.ContainsFunc(cells, func(c *cell) bool { return f.x.of(c) > 1 && f.systemOf(c) && c.usable() }) {
		return nil, nil
	}
	engine := f.engine(cells)
	for _, s := range f.systems {
		if of := s.in(cells, engine); len(of) > 0 {
			chosen = append(chosen, of)
		} else {
			lacking = append(lacking, s.transports[0])
		}
	}
	return f.shared(chosen), lacking
}

// shared leaves out the points of the axis that most systems lack: they belong to another experiment of the run.
func (f *paperFigure) shared(chosen [][]*cell) [][]*cell {
	have := make(map[int64]int)
	for _, c := range slices.Concat(chosen...) { // of a system there is one cell at a point
		have[f.x.of(c)]++
	}
	kept := make([][]*cell, 0, len(chosen))
	for _, cells := range chosen {
		some := where(cells, func(c *cell) bool { return 2*have[f.x.of(c)] >= len(chosen) })
		if !slices.ContainsFunc(some, (*cell).usable) {
			return chosen
		}
		kept = append(kept, some)
	}
	return kept
}

// comparable reports whether a cell differs from the paper's in nothing but the system.
func (f *paperFigure) comparable(c *cell) bool {
	alone := c.Placement == f.placement && c.Concurrency == 1 && c.Rate == 0 && c.SizeMix == "" && c.series.standIn == ""
	return alone && (f.x.name == fanin.name || c.Fanin <= 1) && (f.size == 0 || c.SizeBytes == f.size) && (f.fanout == 0 || c.Fanout == f.fanout)
}

func (f *paperFigure) systemOf(c *cell) bool {
	return slices.ContainsFunc(f.systems, func(s system) bool { return slices.Contains(s.transports, c.Transport) })
}

// engine is the one of which the run has most of the figure's cells.
func (f *paperFigure) engine(cells []*cell) (most string) {
	cells = where(cells, func(c *cell) bool { return f.systemOf(c) && c.usable() })
	count := func(engine string) int {
		return len(where(cells, func(c *cell) bool { return c.series.engine == engine }))
	}
	for _, engine := range engines(ordered(cells)) {
		if most == "" || count(engine) > count(most) {
			most = engine
		}
	}
	return most
}

func (c *cell) usable() bool { return c.lacks() == "" && c.measured != nil }

// in are the system's cells in one engine, of one transport, codec, origin, consumption, launcher and order, and
// with them those that failed or were skipped.
func (s system) in(cells []*cell, engine string) []*cell {
	all := where(cells, func(c *cell) bool { return c.series.engine == "" || c.series.engine == engine })
	cells = where(all, (*cell).usable)
	cells = preferred(cells, func(c *cell) string { return c.Transport }, s.transports...)
	cells = where(cells, func(c *cell) bool { return slices.Contains(s.transports, c.Transport) })
	cells = preferred(cells, func(c *cell) string { return c.Codec }, "none", "json", "json-std", "raw")
	cells = preferred(cells, func(c *cell) string { return c.Origin }, "", "buffer", "heap", "host")
	cells = preferred(cells, func(c *cell) string { return c.Consume }, "", "read", "write")
	cells = preferred(cells, func(c *cell) string { return c.Launcher }, "", "process", "runc", "containerd")
	several := where(cells, func(c *cell) bool { return c.Fanout > 1 })
	if len(several) > 0 {
		order := preferred(several, func(c *cell) string { return c.FanoutOrder }, "", "parallel", "serial")[0].FanoutOrder
		cells = where(cells, func(c *cell) bool { return c.Fanout == 1 || c.FanoutOrder == order })
	}
	if len(cells) > 0 {
		of := cells[0]
		cells = append(cells, where(all, func(c *cell) bool { return !c.usable() && c.Transport == of.Transport && c.Codec == of.Codec })...)
	}
	slices.SortStableFunc(cells, func(a, b *cell) int {
		return cmp.Or(cmp.Compare(a.SizeBytes, b.SizeBytes), cmp.Compare(a.Fanout, b.Fanout), cmp.Compare(a.Fanin, b.Fanin))
	})
	return slices.CompactFunc(cells, func(a, b *cell) bool {
		return a.SizeBytes == b.SizeBytes && a.Fanout == b.Fanout && a.Fanin == b.Fanin
	})
}

// preferred keeps the cells with the first of the values that occurs, and all where none does.
func preferred(cells []*cell, of func(*cell) string, values ...string) []*cell {
	for _, value := range values {
		if some := where(cells, func(c *cell) bool { return of(c) == value }); len(some) > 0 {
			return some
		}
	}
	return cells
}

func (f *paperFigure) curves(chosen [][]*cell, m metric) (curves []curve) {
	for _, cells := range chosen {
		i := slices.IndexFunc(f.systems, func(s system) bool { return slices.Contains(s.transports, cells[0].Transport) })
		named := cells[0].series
		named.condition = "" // which is the same, or as near as the run has it, for all systems
		c := curve{system: f.systems[i], label: join(named.variant(), when(f.systems[i].best, "best here"))}
		for _, one := range cells {
			e := f.estimate(one, m)
			c.marks = append(c.marks, mark{x: float64(f.x.of(one)), Estimate: e, measured: e, cell: one})
		}
		curves = append(curves, c)
	}
	if m.normalised {
		scale := 1 / largestOf(curves)
		for _, c := range curves {
			for i := range c.marks {
				e := &c.marks[i].Estimate
				e.Value, e.Lo, e.Hi = e.Value*scale, e.Lo*scale, e.Hi*scale
			}
		}
	}
	return curves
}

func (f *paperFigure) estimate(c *cell, m metric) results.Estimate {
	if m.id == rate.id && f.log != "" {
		return inverse(c.estimate("makespan_median_ns"), 1e9*float64(c.Fanout))
	}
	e := c.estimate(m.column)
	if m.inverse {
		return inverse(e, 1e9)
	}
	return e
}

func inverse(e results.Estimate, of float64) results.Estimate {
	return results.Estimate{Value: of / e.Value, Lo: of / e.Hi, Hi: of / e.Lo}
}

func (f *paperFigure) published(m metric) (curves []curve) {
	experiment := f.experiment + m.suffix
	if m.id == rate.id {
		experiment = f.log
	}
	for _, s := range f.systems {
		c := curve{system: s}
		for _, v := range published.Of(f.values(), experiment, f.where, m.published) {
			x := v.At()
			if math.IsNaN(x) && f.x.name == fanin.name {
				x = mixed
			}
			if s.published != v.System || math.IsNaN(x) {
				continue
			}
			if v.XName == "size_mb" {
				x *= 1 << 20 // a MB of the paper's artifact is a MiB
			}
			value := v.Value * m.scale
			if m.id == rate.id {
				value = v.At() / v.Value
			}
			c.marks = append(c.marks, mark{x: x, Estimate: only(value), from: v})
		}
		slices.SortFunc(c.marks, func(a, b mark) int { return cmp.Compare(a.x, b.x) })
		curves = append(curves, c)
	}
	if largest := largestOf(curves); m.normalised && largest > 1 { // not normalised by the authors
		for _, c := range curves {
			for i := range c.marks {
				c.marks[i].Value /= largest
			}
		}
	}
	return curves
}

// mixed is where a value stands that was published of a mix of fan-ins, on the axis of these.
const mixed = 0.5

func largestOf(curves []curve) (largest float64) {
	for _, c := range curves {
		for _, k := range c.marks {
			if k.Value > largest { // false for the NaN of what failed
				largest = k.Value
			}
		}
	}
	return largest
}

// panel draws the run's curves, the limit, and what was published, and adds rows to the sheet's table.
func (f *paperFigure) panel(s *sheet, m metric, own, theirs []curve, limit []*cell, seen map[string]bool) *plot.Plot {
	var xs, ys []float64
	for _, c := range slices.Concat(own, theirs) {
		for _, k := range c.marks {
			xs, ys = append(xs, k.x), append(ys, k.Value, k.Lo, k.Hi, k.from.Other*m.scale)
		}
	}
	for _, c := range limit {
		ys = append(ys, f.estimate(c, m).Value)
	}
	p := newPanel(plotter.Grid{Vertical: across, Horizontal: across})
	label := func(x float64) string {
		if x == mixed && f.x.name == fanin.name {
			return "mix"
		}
		return f.x.label(x)
	}
	logarithmic(&p.X, xs, 0.04, at(slices.Compact(slices.Sorted(slices.Values(xs))), label, f.x.apart))
	if !slices.ContainsFunc(ys, positive) {
		ys = []float64{1}
	}
	logarithmic(&p.Y, ys, 0.05, decades(m.label, 0.08))
	if len(limit) > 0 {
		line := &plotter.Line{LineStyle: limitLine}
		for _, c := range limit {
			if e := f.estimate(c, m); positive(e.Value) {
				line.XYs = append(line.XYs, plotter.XY{X: float64(f.x.of(c)), Y: e.Value})
				s.table = append(s.table, f.row(m, mark{Estimate: e, measured: e, cell: c}, "limit", ""))
			}
		}
		p.Add(line)
	}
	for _, c := range slices.Backward(own) {
		drawCurve(p, c.marks, c.look())
	}
	for _, c := range theirs {
		drawPublished(p, c, m, seen)
	}
	p.Add(frame{})
	for i, c := range slices.Concat(own, theirs) {
		from := "run"
		if i >= len(own) {
			from = "published"
		}
		for _, k := range c.marks {
			s.table = append(s.table, f.row(m, k, from, c.published))
		}
	}
	return p
}

var limitLine = draw.LineStyle{Color: grey, Width: 1, Dashes: []vg.Length{1, 1.6}}

// look is a system's: what is best here has a dashed line and a lighter colour.
func (s system) look() style {
	look := style{draw.LineStyle{Color: s.color, Width: 1.2}, draw.GlyphStyle{Color: s.color, Radius: 2, Shape: s.shape.shape}}
	if s.best {
		look.line.Dashes = []vg.Length{4, 2}
	}
	return look
}

// otherMark is what the log has instead of a published value.
var otherMark = draw.GlyphStyle{Color: black, Radius: 1.7, Shape: draw.PlusGlyph{}}

// drawPublished draws hollow markers. What the log has instead stands at the same place, with a line
// to what was published.
func drawPublished(p *plot.Plot, c curve, m metric, seen map[string]bool) {
	markers := &plotter.Scatter{GlyphStyle: draw.GlyphStyle{Color: shade(c.color, 1), Radius: 2.4, Shape: c.shape.outline}}
	crosses, other := &plotter.Scatter{GlyphStyle: crossMark}, otherMark
	other.Color = shade(c.color, 1)
	others := &plotter.Scatter{GlyphStyle: other}
	for _, k := range c.marks {
		if !positive(k.Value) {
			continue
		}
		point := plotter.XY{X: k.x, Y: k.Value}
		markers.XYs = append(markers.XYs, point)
		if k.from.Flag == "" {
			continue
		}
		seen[k.from.Flag] = true
		crosses.XYs = append(crosses.XYs, point)
		if instead := k.from.Other * m.scale; positive(instead) {
			aside := plotter.XY{X: k.x, Y: instead}
			others.XYs = append(others.XYs, aside)
			p.Add(&plotter.Line{XYs: plotter.XYs{point, aside}, LineStyle: draw.LineStyle{Color: other.Color, Width: 0.4, Dashes: []vg.Length{1, 1}}})
		}
	}
	p.Add(markers, others, crosses)
}

func publishedEntries(seen map[string]bool) []entry {
	outline := draw.GlyphStyle{Color: black, Radius: 2.4, Shape: draw.RingGlyph{}}
	entries := []entry{markEntry("as published; other hardware", outline)}
	if len(seen) > 0 {
		entries = append(entries, markEntry("doubtful: see below", outline, crossMark), markEntry("the study's other value", otherMark))
	}
	return entries
}

func (f *paperFigure) row(m metric, k mark, from, system string) []string {
	why := "yes"
	if !positive(k.Value) {
		why = "no: zero, or no number"
	}
	shown := strings.TrimPrefix(m.title, "measured ")
	if c := k.cell; c != nil {
		starts := 0
		if c.usable() {
			starts = c.measured.Starts()
		} else {
			why = "no: " + string(c.Status) + when(c.Reason != "", ", "+c.Reason)
		}
		return []string{from, system, c.Transport, c.Engine, c.Codec, c.Placement, strconv.FormatInt(c.SizeBytes, 10), strconv.Itoa(c.Fanout), strconv.Itoa(c.Fanin), c.FanoutOrder, c.Origin, strconv.Itoa(starts),
			shown, m.unit, decimal(k.measured.Value), decimal(k.measured.Lo), decimal(k.measured.Hi), decimal(k.Value), "", "", "", why, c.ID()}
	}
	of, unit := map[string]float64{payload.name: float64(f.size), fanout.name: float64(f.fanout), fanin.name: 1}, m.unit
	if of[f.x.name] = k.x; k.x == mixed && f.x.name == fanin.name {
		of[fanin.name] = math.NaN()
	}
	if m.normalised {
		unit = "of the panel's maximum"
	}
	return []string{from, system, "", "", "", f.placement, decimal(of[payload.name]), decimal(of[fanout.name]), decimal(of[fanin.name]), "", "", "",
		shown, unit, decimal(k.Value), "", "", decimal(k.Value), k.from.Flag, decimal(k.from.Other * m.scale), k.from.Source, why, ""}
}

// A share is a figure of bars: what part of a latency is what, in the run and as published.
type share struct {
	number, experiment string
	systems            []system
	sizes              []int64
	parts              []sharedPart
	caption            string
}

// A shared part of a latency is a published metric, and the measures that add up to it.
type sharedPart struct {
	name, published string
	fill            color.Color
	columns         []string
}

func (b share) compose(cells []*cell) (*sheet, error) {
	f := &paperFigure{group: group{placement: "inter", systems: b.systems, x: payload, fanout: 1}}
	chosen, lacking := f.choose(where(cells, func(c *cell) bool { return slices.Contains(b.sizes, c.SizeBytes) }))
	if len(chosen) < comparedSystems {
		f.limit = "limit/tcp"
		return nil, f.lacking()
	}
	s := &sheet{xTitle: "share of the latency; the number is all of it", width: columnWidth, legend: legend{iconWidth: 6}}
	s.table = [][]string{{"from", "system", "transport", "engine", "codec", "size_bytes", "part", "unit", "value", "flag", "source", "cell_id"}}
	seen := make(map[string]bool)
	var rows []barRow
	for _, size := range b.sizes {
		for _, system := range b.systems {
			for _, c := range slices.Concat(chosen...) {
				if c.SizeBytes != size || !c.usable() || !slices.Contains(system.transports, c.Transport) {
					continue
				}
				var lengths []float64
				for _, part := range b.parts {
					length := 0.0
					for _, column := range part.columns {
						length += max(c.estimate(column).Value, 0)
					}
					lengths = append(lengths, length)
					s.table = append(s.table, []string{"run", system.published, c.Transport, c.Engine, c.Codec, strconv.FormatInt(size, 10), part.name, "ns", decimal(length), "", "", c.ID()})
				}
				rows = append(rows, b.bar(c.series.variant(), size, lengths, c, ""))
			}
			var lengths []float64
			flag := ""
			for _, part := range b.parts {
				for _, v := range published.Of(published.Roadrunner(), b.experiment, "inter-node", part.published) {
					if v.System == system.published && v.At()*(1<<20) == float64(size) {
						lengths = append(lengths, v.Value*1e9)
						if flag = cmp.Or(flag, v.Flag); v.Flag != "" {
							seen[v.Flag] = true
						}
						s.table = append(s.table, []string{"published", system.published, "", "", "", strconv.FormatInt(size, 10), part.name, "ns", decimal(v.Value * 1e9), v.Flag, v.Source, ""})
					}
				}
			}
			if len(lengths) == len(b.parts) {
				rows = append(rows, b.bar("published: "+system.published, size, lengths, nil, when(flag != "", " × "+flag)))
			}
		}
	}
	for _, part := range b.parts {
		s.legend.entries = append(s.legend.entries, barEntry(part.name, part.fill))
	}
	p := barPanel("", rows, 1, 1, percentLabel)
	p.X.Max = 1.6
	s.panels, s.panelHeight = [][]*plot.Plot{{p}}, rowHeight*vg.Length(len(rows))
	words := []string{fmt.Sprintf("The Roadrunner paper's figure %s, between two nodes. Outlined: as published, other hardware.", b.number), b.caption}
	s.caption = captionOf(words, chosen, seen, lacking)
	return s, nil
}

// bar has the parts of a latency as shares, outlined where they were published.
func (b share) bar(name string, size int64, lengths []float64, c *cell, more string) barRow {
	total := 0.0
	for _, length := range lengths {
		total += length
	}
	row := barRow{name: join(name, when(len(b.sizes) > 1, sizeLabel(float64(size)))), words: results.FormatDuration(total) + more, cell: c}
	for i, part := range b.parts {
		row.pieces = append(row.pieces, piece{lengths[i] / max(total, 1), part.fill, c == nil})
	}
	return row
}
