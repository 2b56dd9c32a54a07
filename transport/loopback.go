package transport

import (
	"errors"
	"fmt"
	"net"
)

// Loopback is the host of targets in processes of this one.
const Loopback = "127.0.0.1"

// CheckHost is CheckLoopback for what is at a name or address of this host's own; it returns nil
// for the rest.
func CheckHost(transport, host string) error {
	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		return nil
	}
	return CheckLoopback(transport)
}

// CheckLoopback returns nil where TCP reaches this host itself, else an *Unavailable: a new
// network namespace has its loopback device down.
func CheckLoopback(transport string) error {
	// To connect over UDP is to look for a route. Nothing is sent.
	connection, err := net.Dial("udp", net.JoinHostPort(Loopback, "9"))
	if err != nil {
		cause := err
		for deeper := err; deeper != nil; deeper = errors.Unwrap(deeper) {
			cause = deeper
		}
		return &Unavailable{Transport: transport, Reason: fmt.Sprintf("TCP does not reach this host itself, %s: %v", Loopback, cause), Remedy: "ip link set lo up"}
	}
	return connection.Close()
}
