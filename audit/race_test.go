//go:build race

package audit

const racing = true
