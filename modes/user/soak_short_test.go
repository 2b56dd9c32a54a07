//go:build !soak

package user

const soakHandoffs = 4_000
