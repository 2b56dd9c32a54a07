//go:build race

package catalogue

const racing = true
