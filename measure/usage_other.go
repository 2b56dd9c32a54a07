//go:build !linux

package measure

// SelfUsage needs Linux; elsewhere it is zero.
func SelfUsage() Usage { return Usage{} }

// SoftIRQ needs Linux; elsewhere it is zero.
func SoftIRQ() int64 { return 0 }

// Tick needs Linux; elsewhere it is unknown.
func Tick() int64 { return 0 }
