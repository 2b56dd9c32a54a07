package kernel

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/transport"
)

// unavailable is what a transport lacks, nil for no error.
func unavailable(name string, err error, remedy string) error {
	if err == nil {
		return nil
	}
	return &transport.Unavailable{Transport: name, Reason: err.Error(), Remedy: remedy}
}

// probeMapping tries on a page what kernel/memfd does with payloads.
var probeMapping = sync.OnceValue(func() error {
	return unavailable(memfdName, tryMapping(), "it needs Linux 5.13 or later, and memfd_create(2) permitted")
})

func tryMapping() error {
	place, err := memory.Reserve(2 * memory.Size)
	if err != nil {
		return err
	}
	defer func() { _ = memory.Free(place) }()
	file, err := memory.NewSealedFile(place[:memory.Size])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := memory.Move(place[:memory.Size], file.Place); err != nil {
		return err
	}
	if _, err := memory.CheckSealed(file.Descriptor(), uint64(memory.Size)); err != nil {
		return err
	}
	return memory.MapPrivate(place[memory.Size:], file.Descriptor(), 0)
}

// probeReading tries whether this process may read memory as kernel/cma does. Whether it
// may read another's is known when the other is there, but for what Yama forbids all.
func probeReading() error {
	return unavailable(cmaName, tryReading(), "see process_vm_readv(2), or use kernel/memfd")
}

func tryReading() error {
	own := os.Getpid()
	var r reader
	from, to := [1]byte{1}, [1]byte{}
	if err := r.read(own, to[:], addressOf(from[:])); err != nil {
		return err
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	privileged := measure.Capable(unix.CAP_SYS_PTRACE)
	if scope := yamaScope(); scope == yamaNobody || scope == yamaPrivileged && !privileged || err == nil && dumpable != 1 && !privileged {
		return explain(unix.EPERM, own)
	}
	return nil
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
