package wasip1

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// streamSocket is a TCP socket. To the system it is always non-blocking; for a guest that
// wants to block, the call waits where Close and the deadline can end that. See tcp(7).
type streamSocket struct {
	stat
	descriptor int
	ipv6       bool
	// to is the peer that the guest has connected to.
	to netip.AddrPort
	// sending and receiving are how many nanoseconds calls took since System.TakeSending and
	// TakeReceiving were asked last.
	sending, receiving int64
}

func newStreamSocket(descriptor int, ipv6 bool, flags uint16) *streamSocket {
	// As Go's net package does for every connection; preview 1 has no such option.
	_ = unix.SetsockoptInt(descriptor, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	const rights = rightRead | rightFlags | rightWrite | rightPoll | rightShutdown | rightAccept
	return &streamSocket{stat: stat{socketStream, flags, rights}, descriptor: descriptor, ipv6: ipv6}
}

// await waits for the socket, or answers EAGAIN to a guest that does not want to wait.
func (k *streamSocket) await(s *System, write bool) error {
	if k.flags&flagNonblock != 0 {
		if s.expired() {
			return ErrDeadline
		}
		return EAGAIN
	}
	for {
		s.waiter.reset()
		place := s.waiter.add(k.descriptor, write)
		if err := s.wait(forever); err != nil {
			return err
		}
		if ready, _ := s.waiter.ready(place); ready {
			return nil
		}
	}
}

// retry calls until the system neither was interrupted nor wants to be asked later.
func (k *streamSocket) retry(s *System, write bool, call func() (int, error)) (int, error) {
	spent := &k.receiving
	if write {
		spent = &k.sending
	}
	for {
		began := s.config.Monotonic()
		n, err := call()
		*spent += s.config.Monotonic() - began
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			if err := k.await(s, write); err != nil {
				return 0, err
			}
		default:
			return 0, errnoOf(err)
		}
	}
}

func (k *streamSocket) read(s *System, buffers [][]byte) (int, error) {
	return k.receive(s, buffers, 0)
}

func (k *streamSocket) receive(s *System, buffers [][]byte, flags uint64) (int, error) {
	if flags&receivePeek != 0 && len(buffers) > 0 {
		return k.retry(s, false, func() (int, error) {
			n, _, err := unix.Recvfrom(k.descriptor, buffers[0], unix.MSG_PEEK)
			return n, err
		})
	}
	return k.transfer(s, buffers, false, flags&receiveAll != 0)
}

// write sends all that a guest which waits has given, else what the system takes at once.
func (k *streamSocket) write(s *System, buffers [][]byte) (int, error) {
	return k.transfer(s, buffers, true, true)
}

// transfer reads or writes once, or until nothing is left of the whole.
func (k *streamSocket) transfer(s *System, buffers [][]byte, write, whole bool) (total int, err error) {
	for len(buffers) > 0 {
		n, err := k.retry(s, write, func() (int, error) {
			switch {
			case write && len(buffers) == 1:
				return unix.Write(k.descriptor, buffers[0])
			case write:
				return unix.Writev(k.descriptor, buffers)
			case len(buffers) == 1:
				return unix.Read(k.descriptor, buffers[0])
			}
			return unix.Readv(k.descriptor, buffers)
		})
		if err != nil {
			if _, answered := err.(Errno); answered && total > 0 {
				return total, nil
			}
			return 0, err
		}
		total += n
		buffers = after(buffers, n)
		if !whole || n == 0 {
			break
		}
	}
	return total, nil
}

// after is what is left of buffers after n bytes. It changes buffers.
func after(buffers [][]byte, n int) [][]byte {
	for len(buffers) > 0 && n >= len(buffers[0]) {
		n -= len(buffers[0])
		buffers = buffers[1:]
	}
	if len(buffers) > 0 {
		buffers[0] = buffers[0][n:]
	}
	return buffers
}

// endAfter ends a connection with a last message; see System.CloseAfter.
func (k *streamSocket) endAfter(message []byte, wait time.Duration) {
	if n, err := unix.Write(k.descriptor, message); err != nil || n < len(message) {
		return // not connected, or its peer does not read
	}
	_ = unix.Shutdown(k.descriptor, unix.SHUT_WR)
	unread := make([]byte, 64<<10)
	for until := time.Now().Add(wait); time.Now().Before(until); {
		waiting := []unix.PollFd{{Fd: int32(k.descriptor), Events: unix.POLLIN}}
		if _, err := unix.Poll(waiting, int(time.Until(until).Milliseconds())+1); err != nil && err != unix.EINTR {
			return
		}
		if n, err := unix.Read(k.descriptor, unread); n == 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR {
			return
		}
	}
}

func (k *streamSocket) accept(s *System, flags uint16) (*streamSocket, error) {
	var from unix.Sockaddr
	descriptor, err := k.retry(s, false, func() (accepted int, err error) {
		accepted, from, err = unix.Accept4(k.descriptor, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return accepted, err
	})
	if err != nil {
		return nil, err
	}
	if peer, err := addressOf(from, nil); err == nil {
		_ = s.config.Tune(descriptor, peer.Addr())
	}
	return newStreamSocket(descriptor, k.ipv6, flags), nil
}

// TakeSending returns how many nanoseconds the system's calls took that copied out of the guest's
// memory to a peer that the guest has connected to, since it was asked last. Waiting is no part.
func (s *System) TakeSending(to netip.AddrPort) (sum int64) {
	s.eachSocket(func(k *streamSocket) {
		if k.to.Port() == to.Port() && k.to.Addr().Unmap() == to.Addr().Unmap() {
			sum, k.sending = sum+k.sending, 0
		}
	})
	return sum
}

// TakeReceiving is as TakeSending, for what was copied into the guest's memory from all peers.
func (s *System) TakeReceiving() (sum int64) {
	s.eachSocket(func(k *streamSocket) { sum, k.receiving = sum+k.receiving, 0 })
	return sum
}

func (s *System) eachSocket(do func(*streamSocket)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, entry := range s.descriptors.entries {
		if k, ok := entry.(*streamSocket); ok {
			do(k)
		}
	}
}

func (k *streamSocket) watch() (int, bool, bool) { return k.descriptor, false, false }
func (k *streamSocket) close() error             { return answer(unix.Close(k.descriptor)) }

// peer reads the address and port of a call's second and third parameter, also in the form of the socket's family. An
// IPv6 socket takes IPv4 addresses too, in their mapped form.
func (k *streamSocket) peer(m memory, stack []uint64) (netip.AddrPort, unix.Sockaddr, error) {
	address, err := m.readAddress(stack[1], stack[2])
	switch {
	case err != nil:
		return address, nil, err
	case k.ipv6:
		return address, &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}, nil
	case address.Addr().Unmap().Is4():
		return address, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().Unmap().As4()}, nil
	}
	return address, nil, EAFNOSUPPORT
}

func addressOf(address unix.Sockaddr, err error) (netip.AddrPort, error) {
	if err != nil {
		return netip.AddrPort{}, errnoOf(err)
	}
	switch address := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(address.Addr), uint16(address.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(address.Addr), uint16(address.Port)), nil
	}
	return netip.AddrPort{}, EAFNOSUPPORT
}
