//go:build !linux

package redis

import "net"

// tune leaves a connection as package net makes it.
func tune(net.Conn) error { return nil }
