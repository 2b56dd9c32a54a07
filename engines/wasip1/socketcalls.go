package wasip1

import (
	"slices"

	"golang.org/x/sys/unix"
)

// socketCalls are preview 1's calls for sockets and WasmEdge's.
var socketCalls = slices.Concat(
	define("sock_open sock_open_v2", "iii", (*System).sockOpen),
	define("sock_bind sock_bind_v2", "iii", onSocket((*System).sockBind)),
	define("sock_listen sock_listen_v2", "ii", onSocket((*System).sockListen)),
	define("sock_connect sock_connect_v2", "iii", onSocket((*System).sockConnect)),
	define("sock_accept", "iii", accepting(true)),
	define("sock_accept", "ii", accepting(false)),
	define("sock_accept_v2", "iii", accepting(true)),
	define("sock_recv sock_recv_v2", "iiiiii", onSocket((*System).sockRecv)),
	define("sock_recv_from", "iiiiiii", notImplemented),
	define("sock_recv_from sock_recv_from_v2", "iiiiiiii", notImplemented),
	define("sock_send sock_send_v2", "iiiii", onSocket((*System).sockSend)),
	define("sock_send_to sock_send_to_v2", "iiiiiii", notImplemented),
	define("sock_shutdown", "ii", onSocket((*System).sockShutdown)),
	define("sock_getlocaladdr", "iiii", addressCall(unix.Getsockname, true)),
	define("sock_getlocaladdr sock_getlocaladdr_v2", "iii", addressCall(unix.Getsockname, false)),
	define("sock_getpeeraddr", "iiii", addressCall(unix.Getpeername, true)),
	define("sock_getpeeraddr sock_getpeeraddr_v2", "iii", addressCall(unix.Getpeername, false)),
	define("sock_getsockopt", "iiiii", onSocket((*System).sockGetOption)),
	define("sock_setsockopt", "iiiii", onSocket((*System).sockSetOption)),
	define("sock_getaddrinfo", "iiiiiiii", notImplemented),
)

// onSocket is the handler of a call whose first parameter is a socket.
func onSocket(serve func(*System, *streamSocket, memory, []uint64) error) handler {
	return func(s *System, m memory, stack []uint64) error {
		d, err := s.descriptors.get(stack[0])
		if err != nil {
			return err
		}
		k, ok := d.(*streamSocket)
		if !ok {
			return ENOTSOCK
		}
		return serve(s, k, m, stack)
	}
}

const (
	familyUnspecified = 0
	familyIPv4        = 1
	familyIPv6        = 2

	kindAny    = 0
	kindStream = 2
)

func (s *System) sockOpen(m memory, stack []uint64) error {
	family, kind, result := stack[0], stack[1], stack[2]
	if !s.config.Sockets {
		return EACCES
	}
	if kind != kindAny && kind != kindStream {
		return EPROTOTYPE
	}
	domain := unix.AF_INET
	switch family {
	case familyUnspecified, familyIPv4:
	case familyIPv6:
		domain = unix.AF_INET6
	default:
		return EAFNOSUPPORT
	}
	if _, err := m.slice(result, 4); err != nil {
		return err
	}
	descriptor, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return errnoOf(err)
	}
	return s.putDescriptor(m, result, newStreamSocket(descriptor, domain == unix.AF_INET6, 0))
}

// putDescriptor gives the guest a socket. The result pointer was checked before.
func (s *System) putDescriptor(m memory, result uint64, opened *streamSocket) error {
	number, err := s.descriptors.add(opened)
	if err != nil {
		_ = opened.close()
		return err
	}
	return m.putUint32(result, number)
}

func (s *System) sockBind(k *streamSocket, m memory, stack []uint64) error {
	_, target, err := k.peer(m, stack)
	if err != nil {
		return err
	}
	return answer(unix.Bind(k.descriptor, target))
}

func (s *System) sockListen(k *streamSocket, _ memory, stack []uint64) error {
	return answer(unix.Listen(k.descriptor, int(int32(stack[1]))))
}

func (s *System) sockConnect(k *streamSocket, m memory, stack []uint64) error {
	address, target, err := k.peer(m, stack)
	if err != nil {
		return err
	}
	k.to = address
	_ = s.config.Tune(k.descriptor, address.Addr())
	err = unix.Connect(k.descriptor, target)
	if err != unix.EINPROGRESS && err != unix.EINTR {
		return answer(err)
	}
	if k.flags&flagNonblock != 0 {
		return EINPROGRESS
	}
	if err := k.await(s, true); err != nil {
		return err
	}
	failure, err := unix.GetsockoptInt(k.descriptor, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && failure != 0 {
		err = unix.Errno(failure)
	}
	return answer(err)
}

// accepting is the handler of a sock_accept with or without flags.
func accepting(withFlags bool) handler {
	return onSocket(func(s *System, k *streamSocket, m memory, stack []uint64) error {
		flags, result := uint16(0), stack[1]
		if withFlags {
			flags, result = uint16(stack[1]), stack[2]
		}
		if _, err := m.slice(result, 4); err != nil {
			return err
		}
		accepted, err := k.accept(s, flags)
		if err != nil {
			return err
		}
		return s.putDescriptor(m, result, accepted)
	})
}

func (s *System) sockRecv(k *streamSocket, m memory, stack []uint64) error {
	flags := stack[3]
	if flags&^(receivePeek|receiveAll) != 0 {
		return EINVAL
	}
	out, err := m.slice(stack[5], 2)
	if err != nil {
		return err
	}
	receive := func(_ descriptor, s *System, buffers [][]byte) (int, error) { return k.receive(s, buffers, flags) }
	if err := s.transfer(m, stack[0], stack[1], stack[2], stack[4], receive); err != nil {
		return err
	}
	clear(out) // a stream truncates nothing
	return nil
}

// Flags of sock_recv.
const (
	receivePeek = 1 << 0
	receiveAll  = 1 << 1
)

func (s *System) sockSend(_ *streamSocket, m memory, stack []uint64) error {
	if stack[3] != 0 {
		return EINVAL
	}
	return s.transfer(m, stack[0], stack[1], stack[2], stack[4], descriptor.write)
}

func (s *System) sockShutdown(k *streamSocket, _ memory, stack []uint64) error {
	how, known := map[uint64]int{1: unix.SHUT_RD, 2: unix.SHUT_WR, 3: unix.SHUT_RDWR}[stack[1]]
	if !known {
		return EINVAL
	}
	return answer(unix.Shutdown(k.descriptor, how))
}

// addressCall writes the address of one end of a socket. The typed calls of version 1 also write
// the family, as 4 or 6.
func addressCall(ask func(descriptor int) (unix.Sockaddr, error), typed bool) handler {
	return onSocket(func(_ *System, k *streamSocket, m memory, stack []uint64) error {
		address, err := addressOf(ask(k.descriptor))
		if err != nil {
			return err
		}
		port := stack[2]
		if typed {
			port = stack[3]
			version := uint32(6)
			if address.Addr().Is4() {
				version = 4
			}
			if err := m.putUint32(stack[2], version); err != nil {
				return err
			}
		}
		if err := m.writeAddress(stack[1], address.Addr()); err != nil {
			return err
		}
		return m.putUint32(port, uint32(address.Port()))
	})
}

// options are WasmEdge's numbers of those that a guest can read, and set but for three. See socket(7).
var options = map[uint64]int{
	0: unix.SO_REUSEADDR, 1: unix.SO_TYPE, 2: unix.SO_ERROR, 4: unix.SO_BROADCAST, 5: unix.SO_SNDBUF,
	6: unix.SO_RCVBUF, 7: unix.SO_KEEPALIVE, 8: unix.SO_OOBINLINE, 10: unix.SO_RCVLOWAT, 13: unix.SO_ACCEPTCONN,
}

// optionSize is the size of all options that are served.
const optionSize = 4

func (s *System) sockGetOption(k *streamSocket, m memory, stack []uint64) error {
	level, name, value, length := stack[1], stack[2], stack[3], stack[4]
	option, known := options[name]
	if level != 0 || !known {
		return ENOPROTOOPT
	}
	// The length is a pointer to it, except in a known client library, which passes 4:
	// where no compiler puts a variable.
	if length != optionSize {
		room, err := m.readUint32(length)
		if err != nil {
			return err
		}
		if room < optionSize {
			return EINVAL
		}
		if err := m.putUint32(length, optionSize); err != nil {
			return err
		}
	}
	if _, err := m.slice(value, optionSize); err != nil {
		return err
	}
	got, err := unix.GetsockoptInt(k.descriptor, unix.SOL_SOCKET, option)
	if err != nil {
		return errnoOf(err)
	}
	switch {
	case option == unix.SO_ERROR && got != 0:
		got = int(errnoOf(unix.Errno(got)))
	case option == unix.SO_TYPE:
		got = kindStream
	}
	return m.putUint32(value, uint32(got))
}

func (s *System) sockSetOption(k *streamSocket, m memory, stack []uint64) error {
	level, name, value, length := stack[1], stack[2], stack[3], stack[4]
	option, known := options[name]
	switch {
	case level != 0, !known, option == unix.SO_TYPE, option == unix.SO_ERROR, option == unix.SO_ACCEPTCONN:
		return ENOPROTOOPT
	case length != optionSize:
		return EINVAL
	}
	set, err := m.readUint32(value)
	if err != nil {
		return err
	}
	return answer(unix.SetsockoptInt(k.descriptor, unix.SOL_SOCKET, option, int(int32(set))))
}
