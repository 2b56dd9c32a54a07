// Package wasmtime runs guests on Wasmtime, through the C library that wasmtime-go brings.
//
// The border between host and guest is that of package bridge: wasmtime-go's boxes every value, and a call
// through it costs microseconds.
package wasmtime

// Name is the engine's name on the command line and in results.
const Name = "wasmtime"
