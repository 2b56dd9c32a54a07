//go:build !linux

package http

import "net"

// tune leaves a connection as package net makes it, with TCP_NODELAY. A guest's host tunes
// its sockets.
func tune(*net.TCPConn) error { return nil }
