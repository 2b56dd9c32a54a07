//go:build slow

package user

const soakHandoffs = 100_000
