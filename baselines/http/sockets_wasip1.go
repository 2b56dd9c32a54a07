package http

import (
	"context"
	"errors"
	"net"

	"rrbench/engines/wasip1/guest"
)

func listen(_ context.Context, address string) (net.Listener, error) { return guest.Listen(address) }

func connect(_ context.Context, _, address string) (*net.TCPConn, error) { return guest.Dial(address) }

// copiedIn is as package baselines/wasi/abi has it.
//
//go:wasmimport rrbench copied_in
func copiedIn() int64

// tune leaves it to the host, which tunes its sockets.
func tune(*net.TCPConn) error { return nil }

// setWatermark is for Linux; a guest's reads are its host's.
func setWatermark(*net.TCPConn, int) error { return errors.ErrUnsupported }
