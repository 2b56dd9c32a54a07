//go:build !slow

package kernel

const soakHandoffs = 400
