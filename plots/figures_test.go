package plots

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"flag"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"

	"rrbench/results"
	"rrbench/results/resultstest"
)

// keep is for looking at figures: go test ./plots -run Figures -keep /tmp/figures
var keep = flag.String("keep", "", "directory to write the figures of made-up runs to")

func quick() resultstest.Plan {
	plan := resultstest.Single()
	plan.Transports = []string{"limit/memcpy", "limit/unix", "limit/tcp", "user/copy", "kernel/stream", "network/splice", "network/stream", "http/native"}
	plan.Sizes = []int64{64 << 10, 1 << 20, 10 << 20, 100 << 20}
	plan.Rounds, plan.Starts = 3, 3
	return plan
}

// made are the cells of made-up trials.
func made(trials []results.Trial, infos results.Transports) []*cell {
	windows := resultstest.Windows(trials)
	return cellsOf(results.Summarize(trials, windows, 0), results.MeasuredCells(trials, windows), infos)
}

// every is the largest run that is likely: every transport, two engines, two placements
// and the paper's sizes.
func every() resultstest.Plan {
	plan := quick()
	plan.Transports = append(plan.Transports, "user/remap", "kernel/memfd", "kernel/cma", "network/zerocopy", "http/wasi", "redis")
	plan.Engines = []string{"wazero", "wasmtime"}
	plan.Placements = []string{"intra", "inter"}
	plan.Sizes = nil
	for _, size := range []int64{1, 2, 4, 6, 8, 10, 20, 40, 60, 100, 200, 300, 400, 500} {
		plan.Sizes = append(plan.Sizes, size<<20)
	}
	return plan
}

func TestFiguresOfManyPlans(t *testing.T) {
	const bySize, byCount = 9, 5
	for name, test := range map[string]struct {
		change  func(*resultstest.Plan)
		figures int
	}{
		"one engine":    {func(*resultstest.Plan) {}, bySize},
		"two engines":   {func(p *resultstest.Plan) { p.Engines = append(p.Engines, "wasmtime") }, bySize + 1},
		"few series":    {func(p *resultstest.Plan) { p.Engines, p.Transports = append(p.Engines, "wasmtime"), p.Transports[3:6] }, bySize + 1},
		"everything":    {func(p *resultstest.Plan) { *p = every() }, bySize + 1},
		"two hosts":     {func(p *resultstest.Plan) { p.Placements = []string{"intra", "inter"} }, bySize},
		"five engines":  {func(p *resultstest.Plan) { p.Engines = []string{"wazero", "wasmtime", "wasmer", "v8", "wasmedge"} }, bySize + 1},
		"one size":      {func(p *resultstest.Plan) { p.Sizes = p.Sizes[2:3] }, bySize},
		"one trial":     {func(p *resultstest.Plan) { p.Sizes, p.Transports, p.Rounds = p.Sizes[:1], p.Transports[3:4], 1 }, bySize},
		"few starts":    {func(p *resultstest.Plan) { p.Rounds, p.Starts = 6, 2 }, bySize},
		"unknown names": {func(p *resultstest.Plan) { p.Transports = []string{"pigeon/post", "user/copy"} }, bySize},
		"counts": {func(p *resultstest.Plan) {
			p.Sizes, p.Fanouts, p.Concurrencies = p.Sizes[1:3], []int{1, 2, 10, 20, 100}, []int{1, 4}
		}, bySize + byCount},
		"load": {func(p *resultstest.Plan) {
			p.Sizes, p.Concurrencies, p.Rates = []int64{4 << 10, 1 << 20}, []int{1, 2, 4, 8}, []results.Rate{0, 100, 1000, 3000, 10000, 100000}
			p.Transports = []string{"user/copy", "user/remap", "kernel/stream", "http/native", "redis"}
		}, bySize + 4},
		"origins": {func(p *resultstest.Plan) {
			p.Transports, p.Origins = []string{"limit/memcpy", "user/copy", "user/remap", "kernel/memfd"}, []string{"buffer", "heap"}
		}, bySize},
	} {
		t.Run(name, func(t *testing.T) {
			plan := quick()
			test.change(&plan)
			cells := made(resultstest.Trials(plan), nil)
			count := 0
			for _, figure := range runFigures() {
				s, err := figure.compose(cells)
				if _, ok := errors.AsType[errNoData](err); ok {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if figure.name != "crossover" { // which not every plan has
					count++
				}
				checkSheet(t, figure.name, s)
			}
			if count != test.figures {
				t.Errorf("%d figures, want %d", count, test.figures)
			}
		})
	}
}

// checkSheet expects a figure to fit a page, nothing in it to be cut off by its edges, and its SVG to be whole.
func checkSheet(t *testing.T, name string, s *sheet) *recording {
	t.Helper()
	s.note = strings.Repeat("note ", 15)
	if s.width > pageWidth || s.height() > 9.5*vg.Inch {
		t.Errorf("%s: %v x %v does not fit a page", name, s.width, s.height())
	}
	drawn, err := s.record()
	if err != nil {
		t.Fatal(err)
	}
	canvas := vgimg.NewWith(vgimg.UseWH(s.width, s.height()), vgimg.UseDPI(60))
	var svg bytes.Buffer
	if err := errors.Join(drawn.ReplayOn(canvas), drawn.svg(&svg)); err != nil {
		t.Fatal(err)
	}
	picture := canvas.Image()
	last := picture.Bounds().Size()
	white := func(x, y int) {
		if color.GrayModel.Convert(picture.At(x, y)) != (color.Gray{255}) {
			t.Fatalf("%s reaches its edge at %d, %d", name, x, y)
		}
	}
	for x := range last.X {
		white(x, 0)
		white(x, last.Y-1)
	}
	for y := range last.Y {
		white(0, y)
		white(last.X-1, y)
	}
	checkSVG(t, name, svg.Bytes())
	if *keep != "" {
		contents, err := s.encode()
		for i, content := range contents {
			err = errors.Join(err, os.WriteFile(filepath.Join(*keep, strings.NewReplacer(" ", "-", "/", "-").Replace(t.Name()+"-"+name)+extensions[i]), content, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return drawn
}

// checkSVG expects an SVG to be well formed, with texts and with numbers for every place.
func checkSVG(t *testing.T, name string, svg []byte) {
	t.Helper()
	if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Errorf("%s places something nowhere", name)
	}
	texts := 0
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "text" {
			texts++
		}
	}
	if texts < 3 {
		t.Errorf("%s has %d texts", name, texts)
	}
}

// The text of a PDF can be searched and copied.
func TestTextOfPDF(t *testing.T) {
	s, err := breakdown(made(resultstest.Trials(resultstest.Single()), nil))
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := s.record()
	if err != nil {
		t.Fatal(err)
	}
	var pdf, text bytes.Buffer
	if err := drawn.pdf(&pdf); err != nil {
		t.Fatal(err)
	}
	for _, part := range bytes.Split(pdf.Bytes(), []byte("\nstream\n"))[1:] {
		reader, err := zlib.NewReader(bytes.NewReader(part))
		if err != nil {
			continue // not compressed
		}
		if _, err := io.Copy(&text, reader); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"user/copy · wazero", " µs"} {
		var utf16 []byte
		for _, r := range want {
			utf16 = binary.BigEndian.AppendUint16(utf16, uint16(r))
		}
		if !bytes.Contains(text.Bytes(), utf16) {
			t.Errorf("no %q", want)
		}
	}
}
