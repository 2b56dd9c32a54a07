//go:build !soak

package kernel

const soakHandoffs = 400
