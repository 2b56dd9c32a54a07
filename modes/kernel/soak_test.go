//go:build slow

package kernel

// soakHandoffs is for each transport and engine.
const soakHandoffs = 100_000
