//go:build !slow

package user

const soakHandoffs = 4_000
