package kernel

import (
	"errors"
	"sync"

	"rrbench/memory"
	"rrbench/modes/sockets"
	"rrbench/transport"
)

const ringName = "kernel/ring"

// NewRing is kernel/ring: A's shim copies the payload into a ring in memory that it shares with B's,
// which copies it into B's linear memory. A receiver spins for some microseconds where payloads have
// lately come that soon, else it sleeps (futex(2)). It is what publish-subscribe systems in shared memory do,
// but that each side can harm itself alone (package memory).
func NewRing() transport.Transport {
	return &sockets.Transport{
		Name:    ringName,
		Summary: "two shims, linear memory to linear memory through a ring in shared memory",
		Family:  transport.Kernel,
		Place:   5,
		Limits:  []string{"limit/ring", "limit/spin"},
		Probe:   probeRing,
		Ring:    memory.Learning,
	}
}

// probeRing makes one.
var probeRing = sync.OnceValue(func() error {
	alive := func() error { return nil }
	one, err := memory.NewRing(memory.Learning, alive)
	if err == nil {
		var other *memory.Ring
		if other, err = memory.OpenRing(one.Descriptor(), memory.Learning, alive); err == nil {
			err = other.Close()
		}
		err = errors.Join(err, one.Close())
	}
	if err != nil {
		return &transport.Unavailable{Transport: ringName, Reason: err.Error(), Remedy: "it needs memfd_create(2) and futex(2) permitted"}
	}
	return nil
})
