package kernel

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reader reads the memory of other processes. It keeps what the system call needs, so that
// reading allocates nothing.
type reader struct {
	local  [1]unix.Iovec
	remote [1]unix.RemoteIovec
}

// read fills into, which is not in Go's heap or stays where it is, with what is at an
// address in a process, process_vm_readv(2). What the call leaves out it is asked for again.
func (r *reader) read(process int, into []byte, address uintptr) error {
	defer func() { r.local[0].Base = nil }()
	for len(into) > 0 {
		r.local[0].Base = unsafe.SliceData(into)
		r.local[0].SetLen(len(into))
		r.remote[0] = unix.RemoteIovec{Base: address, Len: len(into)}
		n, err := unix.ProcessVMReadv(process, r.local[:], r.remote[:], 0)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return explain(err, process)
		case n <= 0:
			return errors.New("read the memory of another process: the kernel read nothing")
		default:
			into, address = into[n:], address+uintptr(n)
		}
	}
	return nil
}

// addressOf is where bytes begin. The address is passed on and never followed here.
func addressOf(bytes []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(bytes))) }
