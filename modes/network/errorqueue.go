package network

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/transport/stream"
)

// errorQueue reads a socket's notifications that the kernel refers to the memory of sends
// with MSG_ZEROCOPY no more (Documentation/networking/msg_zerocopy.rst). Sends are numbered
// by the socket; a notification names a range of numbers.
type errorQueue struct {
	message unix.Msghdr
	control [128]byte
	poll    [1]unix.PollFd
}

// notification is about the sends numbered first to last, wrapping around.
type notification struct {
	first, last uint32
	// copied: the kernel copied their bytes after all.
	copied bool
}

func (n notification) count() uint32 { return n.last - n.first + 1 }

// next takes a notification off the queue; false when there is none. It does not wait.
func (q *errorQueue) next(fd int) (n notification, ok bool, err error) {
	for {
		q.message = unix.Msghdr{Control: &q.control[0]}
		q.message.SetControllen(len(q.control))
		// What q.message points to is a part of q, which the caller keeps.
		_, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&q.message)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			return parseNotification(q.control[:q.message.Controllen])
		case unix.EINTR:
		case unix.EAGAIN:
			return notification{}, false, nil
		default:
			return notification{}, false, fmt.Errorf("read the socket's error queue: %w", errno)
		}
	}
}

// parseNotification finds the notification in control messages: struct sock_extended_err of
// linux/errqueue.h, as IP_RECVERR of ip(7) describes it, in the machine's byte order.
func parseNotification(control []byte) (notification, bool, error) {
	for len(control) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return notification{}, false, fmt.Errorf("read the socket's error queue: %w", err)
		}
		control = rest
		isError := header.Level == unix.SOL_IP && header.Type == unix.IP_RECVERR ||
			header.Level == unix.SOL_IPV6 && header.Type == unix.IPV6_RECVERR
		var said unix.SockExtendedErr
		if !isError || len(data) < int(unsafe.Sizeof(said)) {
			continue
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&said)), unsafe.Sizeof(said)), data)
		if said.Origin != unix.SO_EE_ORIGIN_ZEROCOPY || said.Errno != 0 {
			return notification{}, false, fmt.Errorf("the socket's error queue holds an error of origin %d: %w", said.Origin, unix.Errno(said.Errno))
		}
		return notification{said.Info, said.Data, said.Code&unix.SO_EE_CODE_ZEROCOPY_COPIED != 0}, true, nil
	}
	return notification{}, false, fmt.Errorf("read the socket's error queue: a message of it has no notification")
}

// wait returns when the queue may have something to read, or the connection has ended; past
// the moment until it fails.
func (q *errorQueue) wait(fd int, until int64) error {
	for {
		timeout := -1
		if until != 0 {
			left := until - measure.Now()
			if left <= 0 {
				return stream.CheckSent(-1, unix.EAGAIN, until)
			}
			timeout = int((left + 999_999) / 1_000_000)
		}
		// POLLERR and POLLHUP are always asked for, poll(2).
		q.poll[0] = unix.PollFd{Fd: int32(fd)}
		n, err := unix.Poll(q.poll[:], timeout)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("wait for the socket's error queue: %w", err)
		case n > 0:
			return nil
		}
	}
}
