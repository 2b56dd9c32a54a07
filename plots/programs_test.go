package plots

import (
	"errors"
	"strings"
	"testing"

	"rrbench/results"
)

// programTrials are of a few programs on an engine, a command, natively and in a container.
func programTrials() (trials []results.Trial) {
	index := 0
	add := func(program, engine, launcher string, count int, phases ...string) {
		for start := range 4 {
			for i, phase := range phases {
				trial := results.Trial{CellIndex: index, Block: start, Start: start, Rep: start, Status: results.OK, Clock: results.ClockShared,
					T0: 1e12, Latency: int64(1e5 * (i + 1) * (len(engine) + start)), PSSPeak: int64(30<<20 + count<<16), PayloadBytes: 4096}
				trial.Cell = results.Cell{Experiment: "x", Transport: program, Engine: engine, Codec: "none", Placement: "intra", Fanout: 1, Concurrency: count}
				trial.Conditions = results.Conditions{Fanin: 1, Launcher: launcher, Phase: phase}
				trials = append(trials, trial)
			}
		}
		index++
	}
	for _, program := range append([]string{"nop", "cat-sync"}, longPrograms...) {
		add("compute/"+program, "wazero", "process", 1, "compile", "compile-cached", "instantiate", "run", "total")
		add("compute/"+program, "node", "process", 1, "total")
		add("compute/"+program, "native", "process", 1, "run", "total")
		add("compute/"+program, "native", "runc", 1, "create", "start", "run", "total")
	}
	for _, program := range []string{"hello", "resize"} {
		add("coldstart/"+program, "wazero", "process", 1, "pull", "unpack", "create", "compile", "compile-cached", "instantiate", "first-byte", "run", "total")
		add("coldstart/"+program, "native", "runc", 1, "pull", "unpack", "create", "start", "first-byte", "run", "total")
	}
	for _, count := range []int{1, 10, 100} {
		add("coldstart/hello", "wazero", "process", count, "idle")
		add("coldstart/hello", "native", "runc", count, "idle")
	}
	return trials
}

func TestProgramFigures(t *testing.T) {
	trials := programTrials()
	cells := cellsOf(results.Summarize(trials, nil, 0), results.MeasuredCells(trials, nil), nil)
	compute := where(cells, func(c *cell) bool { return strings.HasPrefix(c.Transport, "compute/") })
	figures := append(programFigures(), figure{coldStartFigure, motivationColdStart})
	for _, f := range figures {
		t.Run(f.name, func(t *testing.T) {
			s, err := f.compose(cells)
			if err != nil {
				t.Fatal(err)
			}
			checkSheet(t, f.name, s)
			var table string
			for _, row := range s.table {
				table += strings.Join(row, ",") + "\n"
			}
			if !strings.Contains(table, "run,") || strings.Count(table, "\n") < 6 {
				t.Errorf("the table has little in it: %s", table)
			}
			if f.name != "density" && f.name != "coldstart-phases" && !strings.Contains(table, "\npublished,") {
				t.Error("no published value beside")
			}
			// A run without what the figure shows says what measures it.
			if _, err := f.compose(nil); err == nil || !strings.Contains(err.Error(), "rrbench sweep --experiment ") {
				t.Errorf("without cells: %v", err)
			}
		})
	}
	// Hand-offs' figures leave programs out.
	for _, f := range catalogue() {
		_, err := f.compose(compute)
		if reason, ok := errors.AsType[errNoData](err); strings.HasPrefix(f.name, "compute-") != (err == nil) || err != nil && !ok {
			t.Errorf("%s of a run of programs: %v, %v", f.name, reason, err)
		}
	}
}
