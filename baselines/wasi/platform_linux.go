package wasi

import (
	"net/netip"

	"rrbench/transport/stream"
)

const hasSockets = true

// tune gives a guest's socket the options that every transport over TCP has.
func tune(descriptor int, peer netip.Addr) error { return stream.TuneTCP(descriptor, peer) }
