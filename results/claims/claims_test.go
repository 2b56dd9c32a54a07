package claims_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"rrbench/results"
	"rrbench/results/claims"
	pub "rrbench/results/published"
	"rrbench/results/resultstest"
)

func cells(change func(*resultstest.Plan)) []*results.Measured {
	plan := resultstest.Single()
	plan.Transports = []string{"user/copy", "user/remap", "kernel/stream", "http/wasi", "http/container"}
	plan.Codecs, plan.Sizes = []string{"json", "json-std", "raw"}, []int64{1 << 20, 10 << 20, 100 << 20}
	change(&plan)
	trials := resultstest.Trials(plan)
	return results.MeasuredCells(trials, resultstest.Windows(trials))
}

func evaluate(t *testing.T, file string, cells []*results.Measured) []claims.Row {
	t.Helper()
	read, err := claims.Read(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := claims.Evaluate(read, cells)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

const head = `
claims:
  - id: X1
    published: "-88.7 %"
`

func TestEvaluate(t *testing.T) {
	const file = head + `    expression: reduction(median(latency_median_ns, ours), median(latency_median_ns, theirs))
    cells:
      ours: {transport: [user/copy, user/remap], size_bytes: 100MiB}
      theirs: {transport: http/wasi, codec: [json, raw], size_bytes: 104857600}
`
	run := cells(func(p *resultstest.Plan) { p.Engines = append(p.Engines, "wasmtime") })
	rows := evaluate(t, file, run)
	if len(rows) != 8 {
		t.Fatalf("%d rows, want one for each engine, transport and codec", len(rows))
	}
	for _, row := range rows {
		if row.Verdict == claims.NotTested || !(row.Lo < row.Value && row.Value < row.Hi && row.Hi < 1) || row.Engine == "" {
			t.Errorf("%+v", row)
		}
		if !strings.HasPrefix(row.Here(), "-") || !strings.HasSuffix(row.Here(), "] %") {
			t.Errorf("shown as %q", row.Here())
		}
		if want := "rrbench sweep --transports user/copy,user/remap,http/wasi --codecs json,raw --sizes 100MiB,104857600"; row.Command != want {
			t.Errorf("command %q", row.Command)
		}
	}
	// The ratio is that of the summaries' medians.
	medians := make(map[string]float64)
	for _, m := range run {
		if latency, err := results.MeasureOf("latency_median_ns"); err == nil && m.SizeBytes == 100<<20 && m.Engine == "wazero" {
			medians[m.Transport+m.Codec] = m.Sample(latency).Estimate().Value
		}
	}
	for _, row := range rows {
		if row.Cells == "ours user/remap, theirs http/wasi json" && row.Engine == "wazero" && math.Abs(row.Value/(medians["user/remapnone"]/medians["http/wasijson"])-1) > 1e-9 {
			t.Errorf("ratio %v of %v", row.Value, medians)
		}
	}
	for _, row := range evaluate(t, file, cells(func(p *resultstest.Plan) { p.Sizes = []int64{64} })) {
		if row.Verdict != claims.NotTested || !strings.Contains(row.Reason, "the run has no cell user/") || !math.IsNaN(row.Value) {
			t.Errorf("%+v", row)
		}
	}
	for _, row := range evaluate(t, file, cells(func(p *resultstest.Plan) { p.Starts, p.Rounds = 2, 6 })) {
		if row.Verdict != claims.Undecided || !strings.Contains(row.Reason, "3 starts") {
			t.Errorf("%+v", row)
		}
	}
}

// Over sizes the smallest or the largest counts, with its own interval.
func TestOverSizes(t *testing.T) {
	expression := func(of string) string {
		return head + `    expression: ` + of + `(reduction(median(serialization_median_ns, ours), median(latency_median_ns, theirs)))
    cells:
      ours: {transport: http/wasi, codec: raw, size_bytes: all}
      theirs: {transport: http/wasi, codec: json, size_bytes: all}
`
	}
	for _, of := range []string{"min", "max"} {
		rows := evaluate(t, expression(of), cells(func(*resultstest.Plan) {}))
		// What does not exist is nothing, not unknown.
		if len(rows) != 1 || rows[0].Value != 0 || rows[0].Hi != 0 || rows[0].Verdict != claims.Larger {
			t.Errorf("%+v", rows)
		}
	}
	const latency = `(ratio(median(latency_median_ns, ours), median(latency_median_ns, theirs)))
    cells:
      ours: {transport: user/copy, size_bytes: all}
      theirs: {transport: http/wasi, codec: json, size_bytes: all}
`
	low := evaluate(t, head+"    expression: min"+latency, cells(func(*resultstest.Plan) {}))[0]
	high := evaluate(t, head+"    expression: max"+latency, cells(func(*resultstest.Plan) {}))[0]
	if !(low.Value < high.Value && low.Lo < low.Hi && high.Lo < high.Hi) {
		t.Errorf("%v to %v", low.Value, high.Value)
	}
}

// Each fault is one line that names the claim and what is wrong.
func TestFaults(t *testing.T) {
	const sides = `
    cells:
      ours: {transport: user/copy, size_bytes: 1MiB}
      theirs: {transport: http/wasi, codec: raw, size_bytes: 1MiB}
`
	for name, test := range map[string]struct{ file, want string }{
		"nothing":           {"", "EOF"},
		"no YAML":           {"{", "yaml"},
		"no claims":         {"claims: []", "no claims"},
		"unknown field":     {head + "    expresion: 1", "expresion"},
		"twice":             {head + "    needs: x\n  - id: X1\n    published: 2 x\n    needs: x", "claim 2 has no id of its own"},
		"unknown column":    {head + "    expression: median(latncy, ours)" + sides, "X1: unknown name latncy"},
		"unknown cell":      {head + "    expression: median(latency_median_ns, other)" + sides, "X1: unknown name other"},
		"unknown key":       {head + "    expression: median(latency_median_ns, ours)\n    cells:\n      ours: {trnsport: user/copy}", `X1: cell ours: unknown column "trnsport"; known are experiment, transport`},
		"no size":           {head + "    expression: median(latency_median_ns, ours)\n    cells:\n      ours: {size_bytes: huge}", `X1: cell ours: "huge" is no size`},
		"no value":          {head + "    expression: median(latency_median_ns, ours)\n    cells:\n      ours: {codec: []}", "column without a value"},
		"tolerance":         {head + "    tolerance: 0.5\n    needs: x", "X1: a tolerance of 0.5"},
		"no expression":     {head, "X1: neither an expression"},
		"no published":      {"claims:\n  - id: X1\n    needs: x", "X1: nothing is published"},
		"division by zero":  {head + "    expression: ratio(median(latency_median_ns, ours), median(serialization_median_ns, theirs))" + sides, "X1: division by zero: the divisor is 0 at 1 MiB"},
		"several sizes":     {head + "    expression: median(latency_median_ns, ours)\n    cells:\n      ours: {transport: user/copy, size_bytes: all}", "X1: the expression covers 3 sizes: choose with min or max"},
		"several cells":     {head + "    expression: median(latency_median_ns, ours)\n    cells:\n      ours: {transport: http/wasi, size_bytes: 1MiB}", "X1: cell ours is any of several, as http/wasi"},
		"no ratio":          {head + "    expression: 1 + 1" + sides, "X1: the expression is 2, not a ratio"},
		"ratio of a ratio":  {head + "    expression: ratio(ratio(median(latency_median_ns, ours), median(latency_median_ns, theirs)), median(latency_median_ns, theirs))" + sides, "X1: ratio and reduction are of two medians"},
		"what is no number": {head + "    expression: median(1, ours)" + sides, "X1: "},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := claims.Read(strings.NewReader(test.file))
			if err == nil {
				_, err = claims.Evaluate(read, cells(func(*resultstest.Plan) {}))
			}
			fault, ok := errors.AsType[*claims.Error](err)
			if !ok || !strings.Contains(fault.Error(), test.want) || strings.Contains(fault.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The built-in claims are what the tables say.
func TestBuiltIn(t *testing.T) {
	all := claims.BuiltIn()
	at := make(map[string]claims.Claim)
	for _, c := range all {
		at[c.ID] = c
		if c.Paper == "" || c.Section == "" || c.Figure == "" || c.Claim == "" || c.HumanMinutes == 0 || c.ComputeMinutes == 0 {
			t.Errorf("%s lacks something", c.ID)
		}
	}
	value := func(all []pub.Value, experiment, placement, metric, x, system string) float64 {
		for _, v := range pub.Of(all, experiment, placement, metric) {
			if v.X == x && v.System == system {
				return v.Value
			}
		}
		t.Fatalf("no %s %s %s %s %s", experiment, placement, metric, x, system)
		return 0
	}
	const user, kernel, network, container, wasm = "roadrunner-user", "roadrunner-kernel", "roadrunner-network", "runc-http", "wasmedge-http"
	for id, of := range map[string]struct{ experiment, placement, metric, x, a, b string }{
		"RR-L1":  {"sequential", "intra-node", "total_latency", "100", user, wasm},
		"RR-L2":  {"sequential", "inter-node", "total_latency", "100", network, wasm},
		"RR-L3":  {"sequential", "intra-node", "total_latency", "100", kernel, wasm},
		"RR-S1":  {"sequential", "intra-node", "serialization_latency", "1", user, wasm},
		"RR-T1a": {"parallel", "intra-node", "total_throughput", "80", user, wasm},
		"RR-T1c": {"parallel-log", "intra-node", "makespan", "100", wasm, user},
		"RR-F1":  {"parallel", "intra-node", "total_latency", "100", user, wasm},
		"RR-F2":  {"parallel", "intra-node", "total_latency", "100", kernel, wasm},
		"RR-F3":  {"parallel", "inter-node", "total_latency", "100", network, wasm},
		"RR-C1":  {"sequential", "intra-node", "cpu_total", "100", user, wasm},
		"RR-C2a": {"sequential", "inter-node", "cpu_total", "100", network, wasm},
		"RR-C2b": {"sequential", "inter-node", "cpu_kernel", "100", network, wasm},
		"RR-M1a": {"sequential", "intra-node", "ram", "100", user, wasm},
		"RR-M1b": {"sequential", "intra-node", "ram", "100", user, container},
		"RR-M2a": {"motivation-coldstart", "intra-node", "run", "hello", "wasmedge", "container"},
		"RR-M2b": {"motivation-coldstart", "intra-node", "run", "resize", "wasmedge", "container"},
		"CW-L1a": {"cwasi-sequential", "intra-node", "total_latency_median", "10", "cwasi-uds", wasm},
		"CW-L1b": {"cwasi-sequential", "intra-node", "total_latency_median", "2", "cwasi-uds", wasm},
		"CW-T1":  {"cwasi-fanout10-throughput", "intra-node", "throughput_median", "10", "cwasi-uds", wasm},
		"CW-O1a": {"cwasi-sequential", "intra-node", "total_latency_median", "10", "cwasi-uds", "openfaas-http"},
		"CW-O1b": {"cwasi-sequential-throughput", "intra-node", "throughput_median", "10", "cwasi-uds", "openfaas-http"},
	} {
		table := pub.Roadrunner()
		if strings.HasPrefix(id, "CW") {
			table = pub.CWASI()
		}
		got := value(table, of.experiment, of.placement, of.metric, of.x, of.a) / value(table, of.experiment, of.placement, of.metric, of.x, of.b)
		if p := at[id].Published; p.Lo != p.Hi || math.Abs(got/p.Lo-1) > 0.02 {
			t.Errorf("%s: %v published, %v in the tables", id, p.Lo, got)
		}
	}
	// They can be judged whatever a run has. Those of programs need cells of their own.
	ofPrograms := func(id string) bool { return strings.HasPrefix(id, "LO-") || strings.HasPrefix(id, "RR-M2") }
	for _, run := range [][]*results.Measured{nil, programs(), cells(func(*resultstest.Plan) {}), cells(func(p *resultstest.Plan) {
		p.Transports, p.Placements = append(p.Transports, "network/splice", "network/zerocopy", "kernel/memfd"), []string{"intra", "inter"}
		p.Sizes, p.Fanouts, p.Rounds, p.Starts = p.Sizes[1:], []int{1, 10, 100}, 3, 3
	})} {
		rows, err := claims.Evaluate(all, run)
		if err != nil {
			t.Fatal(err)
		}
		judged := make(map[string]bool)
		for _, row := range rows {
			judged[row.ID] = judged[row.ID] || row.Verdict != claims.NotTested
		}
		if len(judged) != len(all) {
			t.Errorf("%d claims of %d", len(judged), len(all))
		}
		count := 0
		for id, yes := range judged {
			if yes {
				count++
			} else if len(run) > 0 && run[0].Phase != "" && ofPrograms(id) {
				t.Errorf("%s not judged", id)
			} else if len(run) > 100 && !ofPrograms(id) && at[id].Expression != "" && id != "RR-T1a" && id != "RR-T1b" && id != "CW-L1b" {
				t.Errorf("%s not judged", id)
			}
		}
		t.Logf("%d cells, %d of %d claims judged", len(run), count, len(all))
	}
}

// programs are cells of programs on an engine, natively and in containers.
func programs() []*results.Measured {
	var trials []results.Trial
	index := 0
	for _, program := range []string{"compute/nop", "compute/cat-sync", "compute/nbody", "compute/fannkuch-redux", "compute/mandelbrot", "compute/binary-trees", "coldstart/hello", "coldstart/resize"} {
		for _, on := range [][2]string{{"wazero", "process"}, {"native", "process"}, {"native", "runc"}} {
			for start := range 3 {
				for _, phase := range []string{"run", "total"} {
					trial := results.Trial{CellIndex: index, Block: start, Start: start, Rep: start, Status: results.OK, Latency: int64(1e6 * (10 + start))}
					trial.Cell = results.Cell{Experiment: "x", Transport: program, Engine: on[0], Codec: "none", Placement: "intra", Fanout: 1, Concurrency: 1}
					trial.Conditions = results.Conditions{Fanin: 1, Launcher: on[1], Phase: phase}
					trials = append(trials, trial)
				}
			}
			index++
		}
	}
	return results.MeasuredCells(trials, nil)
}

// Of several origins a buffer is meant, and of one that one.
func TestOrigins(t *testing.T) {
	const file = head + `    expression: median(serialization_share, a)
    cells:
      a: {transport: user/copy, size_bytes: 1MiB}
`
	for _, origins := range [][]string{{"heap"}, {"heap", "buffer"}, {"buffer", "heap"}} {
		run := cells(func(p *resultstest.Plan) { p.Origins = origins })
		if rows := evaluate(t, file, run); len(rows) != 1 || rows[0].Verdict == claims.NotTested && !strings.Contains(rows[0].Reason, "no ratio") {
			t.Errorf("%v: %+v", origins, rows)
		}
	}
	read, err := claims.Read(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claims.Evaluate(read, cells(func(p *resultstest.Plan) { p.Origins = []string{"heap", "host"} })); err == nil || !strings.Contains(err.Error(), "any of several") {
		t.Errorf("got %v", err)
	}
}
