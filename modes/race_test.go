//go:build race

package modes_test

const racing = true
