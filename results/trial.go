// Package results holds what a sweep found: the record of one trial, the run directory
// with its crash-safe journal, the statistics of a cell, and the tables and CSVs that
// scripts outside depend on.
package results

// Status is the outcome of a trial or a cell.
type Status string

const (
	OK      Status = "ok"
	Skipped Status = "skipped"
	Failed  Status = "failed"
)

// Clocks by which a latency is taken: one that source and target share, or the source's
// alone, until it knows that the target is done.
const (
	ClockShared       = "shared"
	ClockAcknowledged = "acknowledged"
)

// Cell is one point of a sweep.
type Cell struct {
	Experiment  string `json:"experiment"`
	Transport   string `json:"transport"`
	Engine      string `json:"engine"`
	Codec       string `json:"codec"`
	Placement   string `json:"placement"`
	SizeBytes   int64  `json:"size_bytes"`
	Fanout      int    `json:"fanout"`
	Concurrency int    `json:"concurrency"`
}

// Trial is one row of trials.csv: one hand-off to one target. A skipped or failed cell has
// at least one row too, with its reason.
type Trial struct {
	// Trial numbers the hand-offs of a run; the rows of one fan-out share it.
	Trial int
	// CellIndex is the cell's number in the plan.
	CellIndex int
	Block     int
	// Rep numbers the rounds of a cell; concurrent hand-offs of one round share it.
	Rep  int
	Seed uint64
	Cell
	Payload string
	// Worker is the route among Concurrency that carried the hand-off.
	Worker int
	// Target is the receiver among Fanout.
	Target int
	Status Status
	Reason string
	// T0 is when the source asked for the transfer, in nanoseconds of CLOCK_MONOTONIC.
	T0 int64
	// Latency is t0 to delivered, Consumed t0 to every byte read, in nanoseconds.
	Latency, Consumed int64
	// The five phases add up to Latency.
	Serialize, CopyOut, Transfer, CopyIn, Deserialize int64
	// Clock is ClockShared, "offset" or ClockAcknowledged.
	Clock string
	// ClockBound bounds the error of an offset clock, in nanoseconds.
	ClockBound int64
	// CPUUser and CPUKernel are this row's share of what all participants used.
	CPUUser, CPUKernel int64
	// SoftIRQ is this row's share of the machine's interrupt work, estimated over the
	// warm-up window.
	SoftIRQ                      int64
	MinorFaults, ContextSwitches float64
	// RSSPeak and PSSPeak are sums over all participants, in bytes.
	RSSPeak, PSSPeak int64
	// Digest is what the target computed.
	Digest uint64
}
