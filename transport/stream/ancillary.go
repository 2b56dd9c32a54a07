package stream

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ancillarySize is the room for a control message with one descriptor. On 64 bits its
// padding has room for a second one, which a peer could use.
var ancillarySize = unix.CmsgSpace(4)

// encodeDescriptor makes the control message that sends a descriptor along, SCM_RIGHTS in
// unix(7).
func encodeDescriptor(into []byte, descriptor int) []byte {
	into = append(into[:0], make([]byte, ancillarySize)...)
	header := (*unix.Cmsghdr)(unsafe.Pointer(&into[0]))
	header.Level = unix.SOL_SOCKET
	header.Type = unix.SCM_RIGHTS
	header.SetLen(unix.CmsgLen(4))
	binary.NativeEndian.PutUint32(into[unix.CmsgLen(0):], uint32(descriptor))
	return into
}

// takeDescriptor returns the descriptor in the control messages that came along, or -1, and
// closes all but the first.
func takeDescriptor(control []byte) int {
	taken := -1
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return taken
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_RIGHTS {
			for ; len(data) >= 4; data = data[4:] {
				descriptor := int(int32(binary.NativeEndian.Uint32(data)))
				if taken < 0 {
					taken = descriptor
				} else {
					_ = unix.Close(descriptor)
				}
			}
		}
		control = rest
	}
	return taken
}

// inbox receives messages that may bring a descriptor. It is recvmsg(2) with what that needs
// kept, so that receiving allocates nothing.
type inbox struct {
	message unix.Msghdr
	vector  unix.Iovec
	control []byte
	// one is the byte that a descriptor comes with beside a ring.
	one [1]byte
}

// receive reads up to len(p) bytes, len(p) > 0, and takes the descriptor that came along or
// -1. Without an inbox none is taken. The pointers left behind in it keep p alive, no more.
func (b *inbox) receive(fd int, p []byte) (n, descriptor int, err error) {
	if b == nil {
		n, err = unix.Read(fd, p)
		return n, -1, err
	}
	if b.control == nil {
		b.control = make([]byte, ancillarySize)
	}
	b.vector.Base = unsafe.SliceData(p)
	b.vector.SetLen(len(p))
	b.message = unix.Msghdr{Iov: &b.vector, Control: unsafe.SliceData(b.control)}
	b.message.SetIovlen(1)
	b.message.SetControllen(len(b.control))
	got, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.message)), unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, -1, errno
	}
	return int(got), takeDescriptor(b.control[:b.message.Controllen]), nil
}

// await is readFull for a message after a pause of any length: the deadline begins with the
// first byte. An end before it is io.EOF. The descriptor that comes with the message, or -1,
// belongs to the caller unless there is an error. One that comes in the middle is closed by the
// kernel: no source sends it there.
func (s *socket) await(p []byte, box *inbox, deadline time.Duration) (descriptor int, err error) {
	if s.ring != nil {
		if err := s.ring.Await(0); err != nil {
			return -1, io.EOF
		}
		return -1, s.readFull(p, momentAfter(deadline))
	}
	for {
		n, descriptor, err := box.receive(s.fd, p)
		switch {
		case n > 0:
			if n < len(p) {
				if err := s.readFull(p[n:], momentAfter(deadline)); err != nil {
					if descriptor >= 0 {
						_ = unix.Close(descriptor)
					}
					return -1, err
				}
			}
			return descriptor, nil
		case err == unix.EINTR, err == unix.EAGAIN:
		case err != nil:
			return -1, fmt.Errorf("wait for a message: %w", err)
		default:
			return -1, io.EOF
		}
	}
}
