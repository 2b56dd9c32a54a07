// Package measure reads clocks, CPU, memory and the machine itself. It knows nothing of
// WebAssembly or of transports.
//
// Reading counters needs Linux; on other systems the package builds, clocks work within a
// process, and what cannot be read is zero or an error that says so.
package measure
