// Package wasmedge runs guests on WasmEdge, whose library it looks for when it is first needed.
//
// The border between host and guest is that of package bridge.
package wasmedge

// Name is the engine's name on the command line and in results.
const Name = "wasmedge"
