//go:build soak

package kernel

// soakHandoffs is for each transport and engine.
const soakHandoffs = 100_000
