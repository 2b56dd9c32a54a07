package network

import (
	"fmt"

	"golang.org/x/sys/unix"

	"rrbench/transport/stream"
)

const (
	// zerocopyFrom is the payload size in bytes from which on payloads are sent by
	// reference. Below it, pinning pages and reading the notification cost more than the copy.
	zerocopyFrom = 32 << 10
	// pieceSize is the size in bytes below which a send is not divided further when the kernel
	// has no room for it.
	pieceSize = 256 << 10
)

// referring sends payloads with MSG_ZEROCOPY: the kernel sends from the pages of the linear
// memory, and notifies when it refers to them no more.
type referring struct {
	queue errorQueue
	// enabled: the socket has SO_ZEROCOPY.
	enabled bool
	// sent and done count sends by reference and those that the kernel is done with.
	sent, done uint32
	// copied counts those whose bytes the kernel has copied after all, of done.
	copied uint64
}

var _ stream.Awaiter = (*referring)(nil)

// Write sends the header by a copy of its own, which goes out with the first bytes of the
// payload: its memory is used again sooner than the payload's.
func (r *referring) Write(socket int, header, payload []byte, until int64) error {
	if err := r.enable(socket); err != nil {
		return err
	}
	if err := send(socket, header, unix.MSG_MORE, until); err != nil {
		return err
	}
	// A whole payload in one call is one notification. It does not always fit: pages that
	// the kernel refers to count as locked (RLIMIT_MEMLOCK, but for CAP_IPC_LOCK), and
	// notifications take of net.core.optmem_max.
	most := len(payload)
	for done := 0; done < len(payload); {
		part := payload[done:min(done+most, len(payload))]
		n, err := unix.SendmsgN(socket, part, nil, nil, unix.MSG_ZEROCOPY|unix.MSG_NOSIGNAL)
		switch {
		case n > 0:
			r.sent++
			done += n
		case err == unix.ENOBUFS && most > pieceSize:
			most /= 2
			continue
		case err == unix.ENOBUFS && r.sent != r.done:
			if err := r.reap(socket, until); err != nil {
				return fmt.Errorf("at byte %d of %d: %w", done, len(payload), err)
			}
			continue
		case err == unix.ENOBUFS:
			// The room is taken by others.
			if err := send(socket, part, 0, until); err != nil {
				return fmt.Errorf("at byte %d of %d: %w", done, len(payload), err)
			}
			done += len(part)
			continue
		}
		if err := stream.CheckSent(n, err, until); err != nil && done < len(payload) {
			return fmt.Errorf("at byte %d of %d: %w", done, len(payload), err)
		}
	}
	return nil
}

// AwaitCompletion reads what is there already, as a rule: an acknowledgement of B's brings TCP's own
// of all the payload's bytes.
func (r *referring) AwaitCompletion(socket int, until int64) error {
	for r.sent != r.done {
		if err := r.reap(socket, until); err != nil {
			return err
		}
	}
	return nil
}

// Close leaves to the kernel what it still refers to.
func (r *referring) Close() error { return nil }

func (r *referring) enable(socket int) error {
	if r.enabled {
		return nil
	}
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
		return fmt.Errorf("set SO_ZEROCOPY: %w", err)
	}
	r.enabled = true
	return nil
}

// reap waits for notifications, at least one, and takes in those that are there.
func (r *referring) reap(socket int, until int64) error {
	for before := r.done; ; {
		n, ok, err := r.queue.next(socket)
		if err != nil {
			return err
		}
		if ok {
			if err := r.take(n); err != nil {
				return err
			}
			if r.sent == r.done {
				return nil
			}
			continue
		}
		if r.done != before {
			return nil
		}
		if err := r.queue.wait(socket, until); err != nil {
			return fmt.Errorf("%d of %d sends are not complete: %w", r.sent-r.done, r.sent, err)
		}
		if err := r.checkPeer(socket); err != nil {
			return err
		}
	}
}

// take counts a notification. Ranges do not overlap and all are of sends, so their sum
// shows when all are complete, in whatever order they come.
func (r *referring) take(n notification) error {
	if n.count() > r.sent-r.done {
		return fmt.Errorf("the kernel is done with sends %d to %d, only %d are under way", n.first, n.last, r.sent-r.done)
	}
	r.done += n.count()
	if n.copied {
		r.copied += uint64(n.count())
	}
	return nil
}

// checkPeer finds out whether the connection has ended: a wait returns at once then, with
// nothing to read. The last notifications come before.
func (r *referring) checkPeer(socket int) error {
	events := r.queue.poll[0].Revents
	if events&unix.POLLERR != 0 {
		errno, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = unix.Errno(errno)
		}
		if err != nil {
			return stream.CheckSent(-1, err, 0)
		}
		return nil
	}
	return fmt.Errorf("the connection ended before %d sends were complete: %w", r.sent-r.done, unix.EPIPE)
}

// send copies p, which is short, into the socket.
func send(socket int, p []byte, flags int, until int64) error {
	for done := 0; done < len(p); {
		n, err := unix.SendmsgN(socket, p[done:], nil, nil, flags|unix.MSG_NOSIGNAL)
		done += max(n, 0)
		if err := stream.CheckSent(n, err, until); err != nil && done < len(p) {
			return err
		}
	}
	return nil
}
