package wasi

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"rrbench/baselines/http"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// settings are what distinguishes one TCP connection from another.
type settings struct {
	congestion    string
	noDelay, cork int
	lowWater      int
}

// connections reads the settings of this process' TCP connections.
func connections(t *testing.T) []settings {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var found []settings
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		if protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
			continue
		}
		if _, err := unix.Getpeername(fd); err != nil {
			// It listens.
			continue
		}
		var s settings
		var errs [4]error
		s.congestion, errs[0] = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		s.noDelay, errs[1] = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		s.cork, errs[2] = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK)
		s.lowWater, errs[3] = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT)
		if errs != [4]error{} {
			t.Fatal(errs)
		}
		// For a socket on which it was never set, the kernel says 0 or 1.
		s.lowWater = max(s.lowWater, 1)
		found = append(found, s)
	}
	return found
}

// A guest's connections are set as those of http/native are, at both ends.
func TestGuestsSocketsAreTunedLikeOthers(t *testing.T) {
	of := func(t *testing.T, carrier transport.Transport, setup transport.Setup) []settings {
		before := len(connections(t))
		target := transporttest.Serve(t, carrier, setup)
		route := transporttest.Open(t, carrier, setup, target.Endpoint())
		defer transporttest.MustClose(t, target, route)
		exchange(t, route, setup)
		return connections(t)[before:]
	}
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		native := of(t, http.New(), setup)
		guests := of(t, New(), setup)
		if len(native) != 2 || len(guests) != 2 {
			t.Fatalf("connections %+v and %+v, want two ends of each", native, guests)
		}
		for _, s := range append(native, guests...) {
			if s != native[0] || s.noDelay != 1 || s.congestion != "reno" {
				t.Errorf("guests have %+v, http/native %+v", guests, native)
			}
		}
	})
}
