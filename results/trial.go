// Package results holds what a sweep found: the record of one trial, the run directory
// with its crash-safe journals, the statistics of a cell, and the tables and CSVs that
// scripts outside depend on.
//
// A column of a CSV file is a field of its row's type: the tag csv is its name, the tag note
// its meaning for the manifest, and the order of the fields is the order of the columns.
package results

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
)

// Status is the outcome of a trial or a cell.
type Status string

const (
	OK      Status = "ok"
	Skipped Status = "skipped"
	Failed  Status = "failed"
)

// UnmarshalText accepts the three.
func (s *Status) UnmarshalText(text []byte) error {
	switch status := Status(text); status {
	case OK, Skipped, Failed:
		*s = status
		return nil
	}
	return fmt.Errorf("%q is neither ok, skipped nor failed", text)
}

// Digest is a payload's digest, 16 hexadecimal digits in a file.
type Digest uint64

// MarshalText writes the digits.
func (d Digest) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(d)), nil }

// UnmarshalText reads them.
func (d *Digest) UnmarshalText(text []byte) error {
	value, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || len(text) != 16 {
		return errors.New("not 16 hexadecimal digits")
	}
	*d = Digest(value)
	return nil
}

// Clocks by which a latency is taken: one that source and target share, two of which the offset is
// known, or the source's alone, until it knows that the target is done.
const (
	ClockShared       = "shared"
	ClockOffset       = "offset"
	ClockAcknowledged = "acknowledged"
)

// Cell is one point of a sweep.
type Cell struct {
	Experiment  string `csv:"experiment" note:"part of the plan that the cell belongs to" json:"experiment"`
	Transport   string `csv:"transport" note:"way the payload moved" json:"transport"`
	Engine      string `csv:"engine" note:"WebAssembly runtime of the functions, or native; behind a + what stands in for something real, as in wazero+miniredis" json:"engine"`
	Codec       string `csv:"codec" note:"representation of the payload between the functions" json:"codec"`
	Placement   string `csv:"placement" note:"shim: one shim; intra: one host; inter: two hosts" json:"placement"`
	SizeBytes   int64  `csv:"size_bytes" note:"payload in memory, before any serialization" json:"size_bytes"`
	Fanout      int    `csv:"fanout" note:"targets of one hand-off" json:"fanout"`
	Concurrency int    `csv:"concurrency" note:"pairs that hand over at the same time; with several sources to a target, groups" json:"concurrency"`
}

// Rate is in hand-offs to all targets a second, empty in a file for 0.
type Rate int

// MarshalText writes the number.
func (r Rate) MarshalText() ([]byte, error) {
	if r == 0 {
		return nil, nil
	}
	return strconv.AppendInt(nil, int64(r), 10), nil
}

// UnmarshalText reads it.
func (r *Rate) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = 0
		return nil
	}
	value, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil || value == 0 {
		return errors.New("not a rate: a whole number of at least 1")
	}
	*r = Rate(value)
	return nil
}

// Load is the rate at which a cell's hand-offs are asked for.
type Load struct {
	// Rate is 0 for a closed loop: a source asks when its last hand-off is over.
	Rate Rate `csv:"offered_ops_per_s" note:"rate at which hand-offs were asked for, in an open loop; empty for a closed one" json:"rate,omitempty"`
}

// Conditions are what a cell has beside its Cell.
type Conditions struct {
	Origin  string `csv:"origin" note:"buffer: the source's function filled a buffer that its host gave it; heap: memory of its own; host: the host put the payload there" json:"origin,omitempty"`
	Consume string `csv:"consume" note:"read: the handler reads every byte; write: it also changes every page" json:"consume,omitempty"`
	Route   string `csv:"route" note:"family that auto has taken; empty for other transports" json:"route,omitempty"`
	// Fanin is at least 1.
	Fanin       int    `csv:"fanin" note:"sources that hand over to one target at the same time" json:"fanin"`
	FanoutOrder string `csv:"fanout_order" note:"parallel: targets are served at the same time; serial: one after the other" json:"fanout_order,omitempty"`
	SizeMix     string `csv:"size_mix" note:"sizes of which each payload's was drawn; size_bytes is the largest; empty for one size" json:"size_mix,omitempty"`
	Launcher    string `csv:"launcher" note:"what started the functions' shims, or the program: process, runc or containerd" json:"launcher,omitempty"`
	Phase       string `csv:"phase" note:"part of a program's run that latency is the time of; empty for hand-offs" json:"phase,omitempty"`
}

// Point is everything in which cells of a sweep differ.
type Point struct {
	Cell
	Load
	Conditions
}

// Columns are the names and values, which can be set, in the order of the CSV files.
func Columns(p *Point) iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		value := reflect.ValueOf(p).Elem()
		for _, field := range pointFields {
			if !yield(field.Tag.Get("csv"), value.FieldByIndex(field.Index)) {
				return
			}
		}
	}
}

var pointFields = slices.DeleteFunc(reflect.VisibleFields(reflect.TypeFor[Point]()), func(f reflect.StructField) bool { return f.Tag.Get("csv") == "" })

// Sources is how many functions send, each to every target of its own.
func (p Point) Sources() int { return max(p.Concurrency, 1) * max(p.Fanin, 1) }

// Handoffs is how many there are to single targets in a round, and rows of each phase where programs run.
func (p Point) Handoffs() int {
	if p.Phase != "" {
		return 1 // of all that run at once
	}
	return p.Sources() * max(p.Fanout, 1)
}

// Trial is one row of trials.csv: one hand-off to one target. Every planned one has a row,
// but a cell that cannot run here has a single one. What a row was not measured for is 0.
type Trial struct {
	Trial     int    `csv:"trial" note:"number of the hand-off in the run; the rows of one fan-out share it"`
	CellIndex int    `csv:"cell" note:"number of the cell in the plan"`
	Block     int    `csv:"block" note:"randomised pass over all cells"`
	Start     int    `csv:"start" note:"start of the cell's functions: fresh processes; starts are what is independent"`
	Noise     bool   `csv:"noise" note:"true: the start serves to know the run's own noise alone, and no row of summary.csv"`
	Rep       int    `csv:"rep" note:"round of the cell; concurrent hand-offs of one round share it"`
	Worker    int    `csv:"worker" note:"source among those of concurrency and fan-in"`
	First     bool   `csv:"first" note:"true: the first hand-off of fresh functions, beside the rounds; its rep is that of the first round after it"`
	Cycle     int64  `csv:"cycle_ns" note:"t0 until the source's function may write its next payload, with all that the hand-off has left to do"`
	Seed      uint64 `csv:"seed" note:"seed of the payload"`
	Point
	PayloadBytes    int64   `csv:"payload_bytes" note:"length of the payload; of a program's phases its output's, of pull the image's, of unpack the program's, of create that of what runs it, on disk"`
	Payload         string  `csv:"payload" note:"kind of the payload, or a program with its arguments"`
	Target          int     `csv:"target" note:"receiver among fanout"`
	Status          Status  `csv:"status" note:"ok, skipped or failed"`
	Reason          string  `csv:"reason" note:"why the trial was skipped or failed"`
	T0              int64   `csv:"t0_ns" note:"moment at which the source asked for the transfer, CLOCK_MONOTONIC of the source's host"`
	Latency         int64   `csv:"latency_ns" note:"t0 until the handler is entered with a usable object"`
	Consumed        int64   `csv:"consumed_ns" note:"t0 until the handler has read every byte"`
	Serialize       int64   `csv:"serialize_ns" note:"phase: object to wire representation"`
	CopyOut         int64   `csv:"copy_out_ns" note:"phase: source's memory to host"`
	Transfer        int64   `csv:"transfer_ns" note:"phase: host to host"`
	CopyIn          int64   `csv:"copy_in_ns" note:"phase: host to target's memory"`
	Deserialize     int64   `csv:"deserialize_ns" note:"phase: wire representation to object"`
	Clock           string  `csv:"clock" note:"shared: one clock; offset: two clocks and their estimated offset; acknowledged: latency is until the source knows"`
	ClockBound      int64   `csv:"clock_bound_ns" note:"bound of the error of an offset clock"`
	CPUUser         int64   `csv:"cpu_user_ns" note:"user CPU time of all participants, this row's share"`
	CPUKernel       int64   `csv:"cpu_kernel_ns" note:"kernel CPU time of all participants, this row's share"`
	SoftIRQ         int64   `csv:"softirq_ns" note:"the machine's interrupt work, this row's share, an estimate"`
	MinorFaults     float64 `csv:"minor_faults" note:"minor page faults of all participants, this row's share"`
	ContextSwitches float64 `csv:"ctx_switches" note:"context switches of all participants, this row's share"`
	RSSPeak         int64   `csv:"rss_peak_bytes" note:"peak resident set, summed over all participants"`
	PSSPeak         int64   `csv:"pss_peak_bytes" note:"peak proportional set (shared pages once), summed over all participants"`
	Digest          Digest  `csv:"digest" note:"digest that the target computed, 16 hexadecimal digits"`
}

// Window is one row of windows.csv: of one start of a cell's functions, in which each worker repeats produce, send, consume,
// recycle without a pause, or at the cell's rate.
type Window struct {
	CellIndex int  `csv:"cell" note:"number of the cell in the plan"`
	Block     int  `csv:"block" note:"randomised pass over all cells"`
	Start     int  `csv:"start" note:"start of the cell's functions"`
	Noise     bool `csv:"noise" note:"true: serves to know the run's own noise alone"`
	Point
	Tried        int   `csv:"tried" note:"hand-offs to single targets that were begun"`
	OK           int   `csv:"ok" note:"those that were consumed, whole"`
	Failed       int   `csv:"failed" note:"the others"`
	Bytes        int64 `csv:"bytes" note:"payload bytes that were consumed"`
	Ns           int64 `csv:"window_ns" note:"how long the window was"`
	SourceUser   int64 `csv:"a_cpu_user_ns" note:"user CPU time of the source's process; in user mode of all functions"`
	SourceKernel int64 `csv:"a_cpu_kernel_ns" note:"its kernel CPU time"`
	TargetUser   int64 `csv:"b_cpu_user_ns" note:"user CPU time of the targets' processes"`
	TargetKernel int64 `csv:"b_cpu_kernel_ns" note:"their kernel CPU time"`
	ServerUser   int64 `csv:"server_cpu_user_ns" note:"user CPU time of a server between them"`
	ServerKernel int64 `csv:"server_cpu_kernel_ns" note:"its kernel CPU time"`
	SoftIRQ      int64 `csv:"softirq_ns" note:"the machine's interrupt work, in ticks of 10 ms"`
	// FunctionNs is of one hand-off to one target.
	FunctionNs      float64    `csv:"function_ns_per_op" note:"CPU time in which functions alone produce and handle one payload, calibrated in the same start; a fan-out's produce is shared"`
	MinorFaults     int64      `csv:"minor_faults" note:"minor page faults of all participants"`
	ContextSwitches int64      `csv:"ctx_switches" note:"context switches of all participants"`
	RSSPeak         int64      `csv:"rss_peak_bytes" note:"peak resident set, summed over all participants"`
	PSSPeak         int64      `csv:"pss_peak_bytes" note:"peak proportional set, summed over all participants"`
	Latencies       *Histogram `csv:"latencies" note:"latencies of the hand-offs in ns, in an open loop since they were due: an HdrHistogram, compressed, in base64"`
	Reason          string     `csv:"reason" note:"why the first of the failed did, or what else there is to know"`
}
