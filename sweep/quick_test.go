//go:build !slow

package sweep

const slow = false
