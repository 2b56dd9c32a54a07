package engines

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// reservation is about the address space of an instance, in bytes: a linear memory as long as
	// it may ever become, and what guards it.
	reservation = AddressSpace + 64<<20
	// besides is what a process takes for its heap, its stacks and code, in bytes.
	besides = 512 << 20
)

// CheckAddressSpace returns nil where a process like this one can have so many instances at
// once, else an *Unavailable. It tries.
func CheckAddressSpace(engine string, instances int) error {
	length := uintptr(instances)*reservation + besides
	at, err := unix.MmapPtr(-1, 0, nil, length, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err == nil {
		return unix.MunmapPtr(at, length)
	}
	remedy := "use a smaller fan-out or concurrency"
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
		remedy = "ulimit -v unlimited"
	}
	return &Unavailable{
		Engine: engine,
		Reason: fmt.Sprintf("the linear memories of a process reserve %d GiB of address space: %v", length>>30, err),
		Remedy: remedy,
	}
}
