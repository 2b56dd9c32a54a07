//go:build !linux

package http

import (
	"errors"
	"net"
)

// tune leaves a connection as package net makes it, with TCP_NODELAY. A guest's host tunes
// its sockets.
func tune(*net.TCPConn) error { return nil }

func deferAccept(int) error { return nil }

// setWatermark is for Linux; a guest's reads are its host's.
func setWatermark(*net.TCPConn, int) error { return errors.New("only Linux wakes readers late") }
