package memory

import (
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OneMapping says whether whole pages belong to one mapping of the kernel's, which is what
// Move takes. Kernels from 6.17 on move several one after the other and may fail after the
// first; earlier ones refuse them and need not be asked, nor can those before 6.11 be. It
// takes about 4 microseconds, and its answer holds until the memory is mapped differently:
// moving exactly these pages away and others to their place keeps it true.
func OneMapping(memory []byte) bool {
	maps := openMaps()
	if maps == nil {
		return true
	}
	query := mappingQuery{address: uint64(address(memory))}
	query.size = uint64(unsafe.Sizeof(query))
	_, _, failed := unix.Syscall(unix.SYS_IOCTL, maps.Fd(), procmapQuery, uintptr(unsafe.Pointer(&query)))
	runtime.KeepAlive(memory)
	return failed != 0 || query.end >= uint64(address(memory))+uint64(len(memory))
}

// maps is open from the first time on that it can be opened, so that asking allocates nothing.
var maps atomic.Pointer[os.File]

func openMaps() *os.File {
	if opened := maps.Load(); opened != nil {
		return opened
	}
	opened, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	if !maps.CompareAndSwap(nil, opened) {
		opened.Close()
	}
	return maps.Load()
}

// procmapQuery is PROCMAP_QUERY, _IOWR('f', 17, struct procmap_query).
const procmapQuery = 0xC0686611

// mappingQuery is struct procmap_query of linux/fs.h: it asks for the mapping at an address.
// The kernel writes within size bytes only.
type mappingQuery struct {
	size, flags, address                  uint64
	start, end, permissions, page, offset uint64
	inode                                 uint64
	major, minor, nameSize, buildIDSize   uint32
	name, buildID                         uint64
}
