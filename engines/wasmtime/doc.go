// Package wasmtime runs guests on Wasmtime, through the C library that wasmtime-go brings.
//
// wasmtime-go compiles, instantiates and owns all objects. The way into a guest and out of
// it to the host is our own (bridge.h), since wasmtime-go's boxes every value: a call
// through it costs microseconds, through the bridge it costs little more than cgo does.
package wasmtime

// Name is the engine's name on the command line and in results.
const Name = "wasmtime"
