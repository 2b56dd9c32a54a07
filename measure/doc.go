// Package measure reads clocks, CPU, memory and the machine itself. It knows nothing of
// WebAssembly or of transports.
package measure
