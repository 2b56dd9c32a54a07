package http

import (
	"rrbench/baselines/function"
	"rrbench/transport"
)

// Native is the transport http/native: both functions are compiled Go code, each in a shim
// of its own.
type Native struct {
	// Listen is the address that targets listen on, "127.0.0.1:0" when empty. A port of 0
	// is chosen by the kernel; the endpoint names it.
	Listen string
}

var _ transport.Transport = Native{}

// New is http/native on this host's loopback.
func New() transport.Transport { return Native{} }

const name = "http/native"

// Info implements transport.Transport.
func (Native) Info() transport.Info {
	return transport.Info{
		Name:    name,
		Summary: "native functions exchange HTTP/1.1 requests with net/http, JSON or raw bodies",
		Family:  transport.HTTP,
		Place:   2,
		Limits:  []string{"limit/tcp"},
		Hosting: transport.Apart,
		Runs:    transport.Native,
		Codecs:  function.Codecs(),
		// The serialized object, the decoded one, and as much garbage before the
		// collector runs.
		CopiesPerTarget: 4,
		// The object and its serialized form.
		CopiesAtSource: 3,
	}
}

// Check implements transport.Transport: net/http runs everywhere.
func (Native) Check() error { return nil }
