// Package tune measures a machine's crossovers: the payload sizes from which the transports
// user, kernel and network hand over by reference in less time than by copying.
//
// What measures is a sweep: the two mechanisms on each engine, over a ladder of sizes around
// the built-in crossover. A block of it visits each size with both, in random order, and whatever
// disturbs the machine for longer disturbs both.
//
// What decides is the time from t0 until the target's handler has read every byte: a
// hand-off by reference leaves to the reader what a copy has done before the handler is
// entered. The ratio of the latencies is shown beside it.
//
// The crossover divides the ladder so that the total of the logarithms of the times is
// least: one size that came out wrong does not move it. It takes the place of the built-in
// one only if the visits agree, but for one at most, that the sizes between the two are the
// better for it.
package tune
