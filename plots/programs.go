package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"rrbench/results"
	"rrbench/results/published"
)

// coldStartFigure is the one of the Roadrunner paper's that is of programs, 2a.
const coldStartFigure = "motivation-coldstart"

// programFigures are the others of programs: those after the study of lightweight FaaS (Long, Tai, Hsieh, Yuan, IEEE
// Software 38(1), 2021) and its repository of benchmarks, and of starts.
func programFigures() []figure {
	return []figure{
		{"coldstart-phases", coldStartPhases},
		{"density", density},
		{"compute-nop", func(cells []*cell) (*sheet, error) { return shortProgram(cells, "nop") }},
		{"compute-cat-sync", func(cells []*cell) (*sheet, error) { return shortProgram(cells, "cat-sync") }},
		{"compute-slowdown", slowdown},
		{"compute-compile", compileTimes},
	}
}

func (c *cell) program() string { return c.Transport[strings.IndexByte(c.Transport, '/')+1:] }

// ofKind selects the cells of an experiment's programs that can be used; "compute/nop" selects one program.
func ofKind(cells []*cell, prefix string) []*cell {
	return where(cells, func(c *cell) bool { return strings.HasPrefix(c.Transport, prefix) && c.usable() && c.Phase != "" })
}

func phaseIn(cells []*cell, runtime, program, phase string) *cell {
	for _, c := range cells {
		if c.Runtime() == runtime && c.program() == program && c.Phase == phase {
			return c
		}
	}
	return nil
}

const containerRuntime = "native by runc"

// runtimesIn are those of cells: engines and commands in the order of the plan, native ones last.
func runtimesIn(cells []*cell) []string {
	return distinct(cells, func(c *cell) string { return c.Runtime() })
}

// A chart has rows of marks on a logarithmic axis.
type chart struct {
	title  string
	label  func(float64) string
	rows   []chartRow
	lines  []chartLine
	legend legend
	table  [][]string
}

type chartRow struct {
	name  string
	marks []chartMark
}

type chartMark struct {
	results.Estimate
	look draw.GlyphStyle
}

// A chartLine stands upright at a value.
type chartLine struct {
	at   float64
	line draw.LineStyle
}

func newChart(title string, label func(float64) string) *chart {
	return &chart{title: title, label: label, legend: legend{iconWidth: 12}, table: [][]string{{
		"from", "program", "runtime", "phase", "unit", "value", "lo", "hi", "starts", "source", "cell_id"}}}
}

func (c *chart) number(one *cell, unit string, e results.Estimate) {
	c.table = append(c.table, []string{"run", one.program(), one.Runtime(), one.Phase, unit, decimal(e.Value), decimal(e.Lo), decimal(e.Hi), strconv.Itoa(one.Starts), "", one.ID()})
}

func (c *chart) publishedNumber(v published.Value, phase, unit string, value float64) {
	c.table = append(c.table, []string{"published", v.X, join(v.System, v.Placement), phase, unit, decimal(value), "", "", "", v.Source, ""})
}

func (c *chart) explain(entries ...entry) { c.legend.entries = append(c.legend.entries, entries...) }

// A step is a phase of programs, and what is drawn of it: without a colour, that of the runtime.
type step struct {
	phase, label string
	look         draw.GlyphStyle
}

// measure adds a row for each runtime of programs that has any of the steps: the geometric mean over the programs.
func (c *chart) measure(found []*cell, prefix string, steps ...step) {
	for _, runtime := range runtimesIn(found) {
		row := chartRow{name: prefix + runtime}
		for _, s := range steps {
			var all []results.Estimate
			look := s.look
			for _, one := range found {
				if one.Runtime() == runtime && one.Phase == s.phase {
					e := one.estimate("latency_median_ns")
					all = append(all, e)
					c.number(one, "ns", e)
					look.Color = cmp.Or[color.Color](s.look.Color, runtimeColor(runtime))
				}
			}
			if len(all) > 0 {
				row.marks = append(row.marks, chartMark{geometricMean(all), look})
			}
		}
		if len(row.marks) > 0 {
			c.rows = append(c.rows, row)
		}
	}
}

// publish adds a row for each system of the study's times on its Xeon: the geometric mean over the programs.
func (c *chart) publish(phase string, of func(published.Value) bool) {
	values := where(published.Compute(), func(v published.Value) bool { return of(v) && strings.Contains(v.Placement, "Xeon") })
	for _, system := range distinct(values, func(v published.Value) string { return v.System }) {
		var all []results.Estimate
		for _, v := range where(values, func(v published.Value) bool { return v.System == system }) {
			all = append(all, only(v.Value*1e9))
			c.publishedNumber(v, phase, "ns", v.Value*1e9)
		}
		c.rows = append(c.rows, chartRow{"published: " + system, []chartMark{{geometricMean(all), asPublished}}})
	}
}

// only is what was published, without an interval.
func only(value float64) results.Estimate {
	return results.Estimate{Value: value, Lo: math.NaN(), Hi: math.NaN()}
}

// asPublished is the mark of it, where it has no shape of its own.
var asPublished = filled(vermillion, draw.RingGlyph{})

func (c *chart) sheet(caption string) *sheet {
	p := newPanel(plotter.Grid{Vertical: across})
	var values []float64
	var names []string
	for _, r := range c.rows {
		names = append(names, r.name)
		for _, m := range r.marks {
			values = append(values, m.Value, m.Lo, m.Hi)
		}
	}
	for _, l := range c.lines {
		values = append(values, l.at)
	}
	logarithmic(&p.X, values, 0.05, decades(c.label, 0.12))
	for _, l := range c.lines {
		p.Add(&plotter.Line{XYs: plotter.XYs{{X: l.at, Y: -0.5}, {X: l.at, Y: float64(len(c.rows)) - 0.5}}, LineStyle: l.line})
	}
	for i, r := range c.rows {
		y := float64(len(c.rows) - 1 - i)
		for _, m := range r.marks {
			if m.Lo > 0 {
				sideways(p, m.Estimate, y, draw.LineStyle{Color: m.look.Color, Width: 0.8}, 3)
			}
			p.Add(&plotter.Scatter{XYs: plotter.XYs{{X: m.Value, Y: y}}, GlyphStyle: m.look})
		}
	}
	nameRows(p, names)
	p.Add(frame{})
	return &sheet{panels: [][]*plot.Plot{{p}}, xTitle: c.title, width: columnWidth, panelHeight: rowHeight * vg.Length(len(c.rows)),
		legend: c.legend, caption: caption, table: c.table}
}

func filled(c color.Color, shape draw.GlyphDrawer) draw.GlyphStyle {
	return draw.GlyphStyle{Color: c, Radius: 2.2, Shape: shape}
}

// runtimeColor is one for WebAssembly, one for native programs, one for containers.
func runtimeColor(runtime string) color.NRGBA {
	switch {
	case runtime == containerRuntime:
		return orange
	case runtime == "native", strings.HasPrefix(runtime, "native "):
		return grey
	}
	return blue
}

// shortProgram shows what starting and ending a program takes that hardly does anything, beside a tenth and a
// five-hundredth of what a container takes.
func shortProgram(cells []*cell, program string) (*sheet, error) {
	found := ofKind(cells, "compute/"+program)
	c := newChart("time until the program has ended", durationLabel)
	c.measure(found, "", step{"total", "", filled(nil, draw.CircleGlyph{})})
	if len(c.rows) < comparedSystems {
		return nil, errNoData("fewer than two runtimes have run it; measure it with: rrbench sweep --experiment compute --transports compute/" + program)
	}
	c.publish("total", func(v published.Value) bool {
		return v.Experiment == "compute-repository" && v.Metric == "execution_time_mean" && v.X == program
	})
	c.explain(markEntry("this run: code kept, in a host that runs; commands from their start", filled(blue, draw.CircleGlyph{})), markEntry("as published, other hardware", asPublished))
	if one := phaseIn(found, containerRuntime, program, "total"); one != nil {
		for _, l := range []struct {
			label string
			parts float64
			line  draw.LineStyle
		}{
			{"container", 1, draw.LineStyle{Color: orange, Width: 1.2}},
			{"a tenth of it", 10, draw.LineStyle{Color: orange, Width: 0.9, Dashes: []vg.Length{4, 2}}},
			{"a five-hundredth of it", 500, draw.LineStyle{Color: orange, Width: 0.9, Dashes: []vg.Length{1, 2}}},
		} {
			c.lines = append(c.lines, chartLine{one.estimate("latency_median_ns").Value / l.parts, l.line})
			c.explain(lineEntry(l.label, l.line))
		}
	}
	return c.sheet("The study says that " + program + " takes a tenth to a five-hundredth of a container's time."), nil
}

var longPrograms = []string{"nbody", "fannkuch-redux", "mandelbrot", "mandelbrot-simd", "binary-trees", "fasta"}

// ran is the cell of what running takes: of a command that is all there is.
func ran(cells []*cell, runtime, program string) *cell {
	return cmp.Or(phaseIn(cells, runtime, program, "run"), phaseIn(cells, runtime, program, "total"))
}

// slowdown shows how much longer programs run than natively: their geometric mean, and each.
func slowdown(cells []*cell) (*sheet, error) {
	found := ofKind(cells, "compute/")
	measure, err := results.MeasureOf("latency_median_ns")
	if err != nil {
		return nil, err
	}
	c := newChart("time over that of the native program", factorLabel)
	shapes := []draw.GlyphDrawer{draw.PlusGlyph{}, draw.CrossGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.SquareGlyph{}, draw.RingGlyph{}}
	used := make(map[string]bool)
	for _, runtime := range runtimesIn(found) {
		row := chartRow{name: runtime}
		var ratios []results.Estimate
		starts := 0
		for i, program := range longPrograms {
			one, native := ran(found, runtime, program), ran(found, "native", program)
			if one == nil || native == nil || runtime == "native" {
				continue
			}
			ratio := one.measured.Sample(measure).Over(native.measured.Sample(measure))
			starts = one.Starts
			ratios = append(ratios, ratio)
			row.marks = append(row.marks, chartMark{only(ratio.Value), draw.GlyphStyle{Color: shade(runtimeColor(runtime), 2), Radius: 1.8, Shape: shapes[i]}})
			c.number(one, "ratio", ratio)
			used[program] = true
		}
		if len(ratios) == 0 {
			continue
		}
		e := geometricMean(ratios)
		row.marks = append(row.marks, chartMark{e, filled(runtimeColor(runtime), draw.CircleGlyph{})})
		row.name += fmt.Sprintf("  %.2f ×", e.Value)
		c.rows = append(c.rows, row)
		c.table = append(c.table, []string{"run", "geometric mean", runtime, "", "ratio", decimal(e.Value), decimal(e.Lo), decimal(e.Hi), strconv.Itoa(starts), "", ""})
	}
	if len(c.rows) == 0 {
		return nil, errNoData("no runtime has run a long program beside the native one; measure some with: rrbench sweep --experiment compute")
	}
	// Table 1 has programs in Docker in the place of native ones.
	for _, where := range []string{"azure", "aws"} {
		values := published.Of(published.Compute(), "compute", where, "execution_time_mean")
		for _, system := range distinct(values, func(v published.Value) string { return v.System }) {
			var ratios []results.Estimate
			for _, v := range values {
				for _, docker := range values {
					if v.System == system && system != "docker" && docker.System == "docker" && docker.X == v.X {
						ratio := v.Value / docker.Value
						ratios = append(ratios, only(ratio))
						c.publishedNumber(v, "run", "ratio to docker", ratio)
					}
				}
			}
			if len(ratios) > 0 {
				e := geometricMean(ratios)
				c.rows = append(c.rows, chartRow{fmt.Sprintf("published: %s, %s  %.2f ×", system, where, e.Value), []chartMark{{e, asPublished}}})
			}
		}
	}
	c.lines = []chartLine{{1, draw.LineStyle{Color: grey, Width: 0.8}}}
	c.explain(markEntry("geometric mean, 95 % interval", filled(blue, draw.CircleGlyph{})))
	for i, program := range longPrograms {
		if used[program] {
			c.explain(markEntry(program, draw.GlyphStyle{Color: shade(blue, 2), Radius: 1.8, Shape: shapes[i]}))
		}
	}
	c.explain(markEntry("as published, over Docker, other hardware", asPublished))
	return c.sheet("Engines: the program's own run. Commands: from their start to their end, compiling included where it is no step of its own."), nil
}

// geometricMean is that of ratios; its interval combines theirs, which are independent.
func geometricMean(ratios []results.Estimate) results.Estimate {
	if len(ratios) == 1 {
		return ratios[0]
	}
	sum, squares := 0.0, 0.0
	for _, r := range ratios {
		sum += math.Log(r.Value)
		half := math.Log(r.Hi/r.Lo) / 2
		squares += half * half
	}
	n := float64(len(ratios))
	mean, half := sum/n, math.Sqrt(squares)/n
	return results.Estimate{Value: math.Exp(mean), Lo: math.Exp(mean - half), Hi: math.Exp(mean + half)}
}

// compileTimes shows what it takes until a program can run: the geometric mean over programs.
func compileTimes(cells []*cell) (*sheet, error) {
	c := newChart("time, geometric mean over the programs", durationLabel)
	steps := []step{
		{"compile", "compile, module never seen", filled(blue, draw.CircleGlyph{})},
		{"compile-cached", "load code that was kept", filled(bluishGreen, draw.BoxGlyph{})},
		{"instantiate", "instantiate", filled(reddishPurple, draw.PyramidGlyph{})},
	}
	c.measure(ofKind(cells, "compute/"), "", steps...)
	if len(c.rows) == 0 {
		return nil, errNoData("no runtime has compiled a program; measure some with: rrbench sweep --experiment compute --engines wazero,wasmtime")
	}
	c.publish("compile", func(v published.Value) bool { return v.Metric == "compile_time" })
	for _, s := range steps {
		c.explain(markEntry(s.label, s.look))
	}
	c.explain(markEntry("compile, as published: larger modules, other hardware", asPublished))
	return c.sheet("What a module never seen takes and what kept code takes are measured in fresh processes."), nil
}

// motivationColdStart is the paper's figure 2a: pull, unpack and run of a container and of WebAssembly.
func motivationColdStart(cells []*cell) (*sheet, error) {
	found := ofKind(cells, "coldstart/")
	c := newChart("time", durationLabel)
	steps := []step{
		{"pull", "pull", filled(bluishGreen, draw.BoxGlyph{})},
		{"unpack", "unpack", filled(blue, draw.PyramidGlyph{})},
		{"total", "run: the rest, from unpacked files to the end", filled(vermillion, draw.CircleGlyph{})},
	}
	parts := []struct {
		phase, published string
		scale            float64
		hollow           draw.GlyphStyle
	}{
		{"pull", "pull", 1e6, filled(bluishGreen, draw.SquareGlyph{})}, {"unpack", "unpack", 1e6, filled(blue, draw.TriangleGlyph{})}, {"total", "run", 1e9, asPublished},
	}
	for _, program := range []string{"hello", "resize"} {
		c.measure(ofKind(cells, "coldstart/"+program), program+" · ", steps...)
		for _, system := range []string{"container", "wasmedge"} {
			row := chartRow{name: program + " · published: " + system}
			for _, part := range parts {
				for _, v := range published.Of(published.Roadrunner(), "motivation-coldstart", "intra-node", part.published) {
					if v.X == program && v.System == system {
						row.marks = append(row.marks, chartMark{only(v.Value * part.scale), part.hollow})
						c.publishedNumber(v, part.phase, "ns", v.Value*part.scale)
					}
				}
			}
			c.rows = append(c.rows, row)
		}
	}
	if !slices.ContainsFunc(found, func(one *cell) bool { return one.Phase == "pull" }) {
		return nil, errNoData("the run has no cold start; measure one with: rrbench sweep --experiment coldstart")
	}
	// The paper has containers and WebAssembly by a shim of containerd: a process alone is neither.
	c.rows = slices.DeleteFunc(c.rows, func(r chartRow) bool { return strings.HasSuffix(r.name, " · native") })
	for _, s := range steps {
		c.explain(markEntry(s.label, s.look))
	}
	c.explain(markEntry("hollow: as published, other hardware", filled(black, draw.RingGlyph{})))
	return c.sheet("The Roadrunner paper's figure 2a. Its cold start is pull and unpack, of larger images from a registry; here an image is one layer with the program, pulled from a file of this machine. In a run here the module was never seen."), nil
}

// startParts are the parts of a cold start after another, and what is drawn of each.
var startParts = []struct {
	phase string
	fill  color.NRGBA
}{
	{"pull", color.NRGBA{190, 190, 190, 255}}, {"unpack", grey}, {"create", orange}, {"start", color.NRGBA{245, 205, 120, 255}},
	{"compile", blue}, {"instantiate", bluishGreen}, {"run", vermillion},
}

// coldStartPhases shows of which parts a cold start consists.
func coldStartPhases(cells []*cell) (*sheet, error) {
	found := ofKind(cells, "coldstart/")
	table := newChart("", nil)
	var panels []*plot.Plot
	s := &sheet{xTitle: "time until the program has ended, module never seen", width: pageWidth, legend: legend{iconWidth: 6}, apart: true}
	most := 0
	for _, program := range []string{"hello", "resize"} {
		var rows []barRow
		largest := 0.0
		for _, runtime := range runtimesIn(found) {
			if phaseIn(found, runtime, program, "total") == nil {
				continue
			}
			var bar []piece
			sum := 0.0
			for _, part := range startParts {
				one := phaseIn(found, runtime, program, part.phase)
				if one == nil {
					continue
				}
				e := one.estimate("latency_median_ns")
				table.number(one, "ns", e)
				length := e.Value
				if start := phaseIn(found, runtime, program, "start"); part.phase == "run" && start != nil {
					length = max(length-start.LatencyMedian, 0) // a run holds its start
				}
				bar = append(bar, piece{length, part.fill, false})
				sum += length
			}
			if first := phaseIn(found, runtime, program, "first-byte"); first != nil {
				table.number(first, "ns", first.estimate("latency_median_ns"))
			}
			largest = max(largest, sum)
			rows = append(rows, barRow{name: runtime, words: results.FormatDuration(sum), pieces: bar})
		}
		if len(rows) > 0 {
			panels, most = append(panels, barPanel(program, rows, largest, 1e6, durationLabel)), max(most, len(rows))
		}
	}
	if len(panels) == 0 {
		return nil, errNoData("the run has no cold start; measure one with: rrbench sweep --experiment coldstart")
	}
	for _, part := range startParts {
		s.legend.entries = append(s.legend.entries, barEntry(part.phase, part.fill))
	}
	s.panels, s.panelHeight, s.table = [][]*plot.Plot{panels}, rowHeight*vg.Length(most), table.table
	s.caption = "Medians of the phases. A command compiles within its run, unless that is a step of its own; a process begins to run when it is created."
	return s, nil
}

// density shows how much memory idle instances take, each.
func density(cells []*cell) (*sheet, error) {
	found := where(ofKind(cells, "coldstart/"), func(c *cell) bool { return c.Phase == "idle" && positive(c.PSSPeak) })
	if len(found) == 0 {
		return nil, errNoData("the run has no idle instances; measure them with: rrbench sweep --experiment coldstart --transports coldstart/hello")
	}
	p := newPanel(plotter.Grid{Vertical: across, Horizontal: across})
	s := &sheet{xTitle: "idle instances", yTitle: "memory an instance (PSS of all processes)", width: columnWidth, panelHeight: 2.1 * vg.Inch, legend: legend{iconWidth: 16}}
	s.table = [][]string{{"from", "program", "runtime", "instances", "pss_bytes", "pss_bytes_per_instance", "bytes_of_image", "bytes_of_program", "bytes_of_runtime", "made_after_ns", "starts", "cell_id"}}
	measured := where(cells, func(c *cell) bool { return c.measured != nil })
	each := func(c *cell) float64 { return c.PSSPeak / float64(max(c.Concurrency, 1)) }
	var values, counts []float64
	for _, c := range found {
		values, counts = append(values, each(c)), append(counts, float64(c.Concurrency))
	}
	logarithmic(&p.X, counts, 0.04, decades(countLabel, 0.1))
	powers := make([]int64, 50)
	for i := range powers {
		powers[i] = 1 << i
	}
	logarithmic(&p.Y, values, 0.06, at(powers, sizeLabel, 0.12))
	colors := []color.NRGBA{blue, bluishGreen, reddishPurple, skyBlue, vermillion}
	for i, runtime := range runtimesIn(found) {
		color := colors[i%len(colors)]
		if runtime == "native" || runtime == containerRuntime {
			color = runtimeColor(runtime)
		}
		look := styleOf(color, i)
		var line plotter.XYs
		of := where(found, func(c *cell) bool { return c.Runtime() == runtime })
		slices.SortFunc(of, func(a, b *cell) int { return cmp.Compare(a.Concurrency, b.Concurrency) })
		bytesOf := func(phase string) string {
			if c := phaseIn(measured, runtime, of[0].program(), phase); c != nil {
				return strconv.FormatInt(c.measured.PayloadBytes(), 10)
			}
			return ""
		}
		for _, c := range of {
			line = append(line, plotter.XY{X: float64(c.Concurrency), Y: each(c)})
			s.table = append(s.table, []string{"run", c.program(), runtime, strconv.Itoa(c.Concurrency), decimal(c.PSSPeak), decimal(each(c)),
				bytesOf("pull"), bytesOf("unpack"), bytesOf("create"), decimal(c.LatencyMedian), strconv.Itoa(c.Starts), c.ID()})
		}
		curve, points := &plotter.Line{XYs: line, LineStyle: look.line}, &plotter.Scatter{XYs: line, GlyphStyle: look.glyph}
		p.Add(curve, points)
		label := fmt.Sprintf("%s: %s in a GiB", runtime, humanize.Comma(int64(inGiB(of))))
		s.legend.entries = append(s.legend.entries, entry{label, []plot.Thumbnailer{curve, points}})
	}
	p.Add(frame{})
	s.panels = [][]*plot.Plot{{p}}
	s.caption = "Instances of hello that wait: of an engine all in one process, else a process or a container each. How many a GiB holds follows from what the last ones added. Page tables and other memory of the kernel's are not counted. The CSV has bytes on disk."
	return s, nil
}

// inGiB is how many instances a GiB holds, by what the last ones took: what all share counts once. The cells are by count.
func inGiB(of []*cell) float64 {
	last := of[len(of)-1]
	if len(of) == 1 {
		return (1 << 30) / last.PSSPeak * float64(last.Concurrency)
	}
	before := of[len(of)-2]
	more := (last.PSSPeak - before.PSSPeak) / float64(last.Concurrency-before.Concurrency)
	return (1<<30-last.PSSPeak)/max(more, 1) + float64(last.Concurrency)
}
