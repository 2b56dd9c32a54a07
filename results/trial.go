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

// Clocks by which a latency is taken: one that source and target share, or the source's
// alone, until it knows that the target is done.
const (
	ClockShared       = "shared"
	ClockAcknowledged = "acknowledged"
)

// Cell is one point of a sweep.
type Cell struct {
	Experiment  string `csv:"experiment" note:"part of the plan that the cell belongs to" json:"experiment"`
	Transport   string `csv:"transport" note:"way the payload moved" json:"transport"`
	Engine      string `csv:"engine" note:"WebAssembly runtime of the functions, or native; behind a + what stands in for something real, as in wazero+miniredis" json:"engine"`
	Codec       string `csv:"codec" note:"representation of the payload between the functions" json:"codec"`
	Placement   string `csv:"placement" note:"intra: one host; inter: two hosts" json:"placement"`
	SizeBytes   int64  `csv:"size_bytes" note:"payload in memory, before any serialization" json:"size_bytes"`
	Fanout      int    `csv:"fanout" note:"targets of one hand-off" json:"fanout"`
	Concurrency int    `csv:"concurrency" note:"sources that hand over at the same time" json:"concurrency"`
}

// Trial is one row of trials.csv: one hand-off to one target. Every planned one has a row,
// but a cell that cannot run here has a single one. What a row was not measured for is 0.
type Trial struct {
	Trial     int    `csv:"trial" note:"number of the hand-off in the run; the rows of one fan-out share it"`
	CellIndex int    `csv:"cell" note:"number of the cell in the plan"`
	Block     int    `csv:"block" note:"randomised pass over all cells"`
	Rep       int    `csv:"rep" note:"round of the cell; concurrent hand-offs of one round share it"`
	Seed      uint64 `csv:"seed" note:"seed of the payload"`
	Cell
	Payload         string  `csv:"payload" note:"kind of the payload"`
	Worker          int     `csv:"worker" note:"source among concurrency"`
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

// Window is one row of windows.csv: what the window of one start of a cell's functions has
// come to, in which the same hand-off is repeated without a pause.
type Window struct {
	CellIndex int `csv:"cell" note:"number of the cell in the plan"`
	Block     int `csv:"block" note:"randomised pass over all cells"`
	Cell
	Tried  int    `csv:"tried" note:"hand-offs to single targets that were begun"`
	OK     int    `csv:"ok" note:"those that arrived whole"`
	Failed int    `csv:"failed" note:"the others"`
	Ns     int64  `csv:"window_ns" note:"how long the window was, the preparing of payloads left out"`
	Reason string `csv:"reason" note:"why the first of the failed did, or what else there is to know"`
}
