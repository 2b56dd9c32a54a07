package kernel

import (
	"errors"
	"sync"

	"rrbench/memory"
	"rrbench/modes"
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
		About: modes.Info(ringName, "two shims, linear memory to linear memory through a ring in shared memory", transport.Kernel, 5, "limit/ring", "limit/spin"),
		Probe: probeRing(ringName),
		Ring:  memory.Learning,
	}
}

// probeRing makes a ring, once in a process, on behalf of a transport.
func probeRing(name string) func() error {
	return func() error {
		return unavailable(name, tryRing(), "it needs memfd_create(2) and futex(2) permitted")
	}
}

var tryRing = sync.OnceValue(func() error {
	alive := func() error { return nil }
	one, err := memory.NewRing(memory.Learning, alive)
	if err != nil {
		return err
	}
	other, err := memory.OpenRing(one.Descriptor(), memory.Learning, alive)
	if err == nil {
		err = other.Close()
	}
	return errors.Join(err, one.Close())
})
