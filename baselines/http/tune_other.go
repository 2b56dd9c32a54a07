//go:build !linux

package http

import "net"

// tune leaves a connection as package net makes it, with TCP_NODELAY.
func tune(*net.TCPConn) error { return nil }
