package kernel

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/modes"
	"rrbench/modes/sockets"
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

// remoteRead is the source of kernel/cma: it sends its targets the region's address, and
// they read. The region is leased and its guest suspended meanwhile. A
// target that is given up while it reads finds the connection closed when it has read, and
// throws away what it got.
type remoteRead struct {
	lastID  uint64
	locator locator
	encoded []byte
	// withdraw ends the permission that targets have been given.
	withdraw func() error
}

// NewRemoteRead makes the referrer of kernel/cma for memory of any kind: RemoteReaders in the
// targets' processes find payloads there. They are permitted to read this process until Close.
func NewRemoteRead(processes []int) (sockets.Referrer, error) {
	withdraw, err := permit(processes)
	if err != nil {
		return nil, fmt.Errorf("permit the targets to read this process: %w", err)
	}
	return &remoteRead{withdraw: withdraw}, nil
}

func (p *remoteRead) Refer(_ *modes.Region, payload []byte) (reference stream.Reference, ok bool, err error) {
	p.lastID++
	p.locator = locator{method: reading, place: uint64(addressOf(payload))}
	p.encoded = p.locator.encode(p.encoded[:0])
	return stream.Reference{ID: p.lastID, Descriptor: -1, Locator: p.encoded}, true, nil
}

// Finish has nothing to take back: a payload that was read is the target's own.
func (p *remoteRead) Finish(*modes.Region, []byte, int) error { return nil }

func (p *remoteRead) Released([]uint64) {}

func (p *remoteRead) Close() error { return p.withdraw() }
