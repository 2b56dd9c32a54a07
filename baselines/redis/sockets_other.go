//go:build !linux

package redis

import (
	"context"
	"net"
)

// tune leaves a connection as package net makes it.
func tune(net.Conn) error { return nil }

// listensAt needs Linux.
func listensAt(context.Context, string, int) bool { return false }
