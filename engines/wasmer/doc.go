// Package wasmer runs guests on Wasmer, through the C library that wasmer-go brings.
//
// The border between host and guest is that of package bridge.
package wasmer

// Name is the engine's name on the command line and in results.
const Name = "wasmer"
