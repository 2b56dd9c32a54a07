// Package measure reads clocks, CPU, memory and the machine itself. It knows nothing of
// WebAssembly or of transports.
//
// # One meter a process
//
// TakeUsage cuts what a process uses into pieces; every nanosecond and every fault is in exactly
// one of them. Who takes a piece decides what it belongs to:
//
//   - A target takes one when it answers a payload, and reports it in the delivery.
//   - The runner of a batch (package shim) takes one when all workers have sent, and adds what
//     the deliveries report. Targets in the runner's own process may report or not: what they
//     have not taken is in the runner's piece.
//   - Both take one and drop it where no hand-off is under way: the runner before a round, a
//     target when a connection opens. A connection that opens within a hand-off belongs to
//     that: its piece is added.
//
// Reading counters needs Linux; elsewhere clocks work within a process.
package measure
