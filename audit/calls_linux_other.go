//go:build linux && !amd64

package audit

var older []call
