// Package v8 runs guests on V8, the engine of Chrome and of Node, through the library that v8go brings.
//
// The border between host and guest is that of package bridge.
package v8

// Name is the engine's name on the command line and in results.
const Name = "v8"
