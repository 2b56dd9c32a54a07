package kernel

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/transport/stream"
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

// RemoteReader copies payloads that a source of kernel/cma refers to.
type RemoteReader struct{ reader }

// Read fills into, which is as long as the payload, as reader.read says.
func (r *RemoteReader) Read(reference stream.Reference, into []byte) error {
	d, err := parseLocator(reference.Locator, uint64(len(into)))
	if err == nil && d.method != reading {
		err = errors.New("the locator is not of another process' memory")
	}
	if err != nil {
		return err
	}
	return r.follow(reference, into, uintptr(d.place))
}

// follow reads what a reference leads to, at an address in the source's process.
func (r *reader) follow(reference stream.Reference, into []byte, address uintptr) error {
	if reference.Process == 0 {
		return errors.New("the source's process is not visible in this process' PID namespace: run both in one, or use kernel/memfd")
	}
	err := r.read(reference.Process, into, address)
	if err == nil && reference.Withdrawn() {
		err = errors.New("the source gave up while its memory was read, which may have changed meanwhile")
	}
	return err
}

// addressOf is where bytes begin. The address is passed on and never followed here.
func addressOf(bytes []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(bytes))) }
