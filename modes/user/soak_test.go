//go:build soak

package user

const soakHandoffs = 100_000
