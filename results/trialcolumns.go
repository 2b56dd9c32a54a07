package results

// trialColumns are the columns of trials.csv, in the order in which they are written.
var trialColumns = []column[Trial]{
	intColumn("trial", "number of the hand-off in the run; the rows of one fan-out share it", func(t *Trial) *int { return &t.Trial }),
	intColumn("cell", "number of the cell in the plan", func(t *Trial) *int { return &t.CellIndex }),
	intColumn("block", "randomised pass over all cells", func(t *Trial) *int { return &t.Block }),
	intColumn("rep", "round of the cell; concurrent hand-offs of one round share it", func(t *Trial) *int { return &t.Rep }),
	uint64Column("seed", "seed of the payload", func(t *Trial) *uint64 { return &t.Seed }),
	textColumn("experiment", "part of the plan that the cell belongs to", func(t *Trial) *string { return &t.Experiment }),
	textColumn("transport", "way the payload moved", func(t *Trial) *string { return &t.Transport }),
	textColumn("engine", "WebAssembly runtime of the functions, or native; behind a + what stands in for something real, as in wazero+miniredis", func(t *Trial) *string { return &t.Engine }),
	textColumn("codec", "representation of the payload between the functions", func(t *Trial) *string { return &t.Codec }),
	textColumn("placement", "intra: one host; inter: two hosts", func(t *Trial) *string { return &t.Placement }),
	int64Column("size_bytes", "payload in memory, before any serialization", func(t *Trial) *int64 { return &t.SizeBytes }),
	intColumn("fanout", "targets of one hand-off", func(t *Trial) *int { return &t.Fanout }),
	intColumn("concurrency", "sources that hand over at the same time", func(t *Trial) *int { return &t.Concurrency }),
	textColumn("payload", "kind of the payload", func(t *Trial) *string { return &t.Payload }),
	intColumn("worker", "source among concurrency", func(t *Trial) *int { return &t.Worker }),
	intColumn("target", "receiver among fanout", func(t *Trial) *int { return &t.Target }),
	statusColumn("status", "ok, skipped or failed", func(t *Trial) *Status { return &t.Status }),
	textColumn("reason", "why the trial was skipped or failed", func(t *Trial) *string { return &t.Reason }),
	int64Column("t0_ns", "moment at which the source asked for the transfer, CLOCK_MONOTONIC of the source's host", func(t *Trial) *int64 { return &t.T0 }),
	int64Column("latency_ns", "t0 until the handler is entered with a usable object", func(t *Trial) *int64 { return &t.Latency }),
	int64Column("consumed_ns", "t0 until the handler has read every byte", func(t *Trial) *int64 { return &t.Consumed }),
	int64Column("serialize_ns", "phase: object to wire representation", func(t *Trial) *int64 { return &t.Serialize }),
	int64Column("copy_out_ns", "phase: source's memory to host", func(t *Trial) *int64 { return &t.CopyOut }),
	int64Column("transfer_ns", "phase: host to host", func(t *Trial) *int64 { return &t.Transfer }),
	int64Column("copy_in_ns", "phase: host to target's memory", func(t *Trial) *int64 { return &t.CopyIn }),
	int64Column("deserialize_ns", "phase: wire representation to object", func(t *Trial) *int64 { return &t.Deserialize }),
	textColumn("clock", "shared: one clock; offset: two clocks and their estimated offset; acknowledged: latency is until the source knows", func(t *Trial) *string { return &t.Clock }),
	int64Column("clock_bound_ns", "bound of the error of an offset clock", func(t *Trial) *int64 { return &t.ClockBound }),
	int64Column("cpu_user_ns", "user CPU time of all participants, this row's share", func(t *Trial) *int64 { return &t.CPUUser }),
	int64Column("cpu_kernel_ns", "kernel CPU time of all participants, this row's share", func(t *Trial) *int64 { return &t.CPUKernel }),
	int64Column("softirq_ns", "the machine's interrupt work, this row's share, an estimate", func(t *Trial) *int64 { return &t.SoftIRQ }),
	floatColumn("minor_faults", "minor page faults of all participants, this row's share", func(t *Trial) *float64 { return &t.MinorFaults }),
	floatColumn("ctx_switches", "context switches of all participants, this row's share", func(t *Trial) *float64 { return &t.ContextSwitches }),
	int64Column("rss_peak_bytes", "peak resident set, summed over all participants", func(t *Trial) *int64 { return &t.RSSPeak }),
	int64Column("pss_peak_bytes", "peak proportional set (shared pages once), summed over all participants", func(t *Trial) *int64 { return &t.PSSPeak }),
	digestColumn("digest", "digest that the target computed, 16 hexadecimal digits", func(t *Trial) *uint64 { return &t.Digest }),
}

// TrialColumns returns the header of trials.csv.
func TrialColumns() []string { return names(trialColumns) }
