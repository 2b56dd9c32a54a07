package wasip1

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// socket is a descriptor of a TCP socket. Its errors are Errno, or those of System.wait.
type socket interface {
	descriptor
	bind(address netip.AddrPort) error
	listen(backlog int) error
	connect(s *System, address netip.AddrPort) error
	accept(s *System, flags uint16) (socket, error)
	receive(s *System, buffers [][]byte, flags uint64) (int, error)
	shutdown(read, write bool) error
	local() (netip.AddrPort, error)
	peer() (netip.AddrPort, error)
	option(name uint64) (int, error)
	setOption(name uint64, value int) error
	// endAfter ends a connection with a last message; see System.CloseAfter.
	endAfter(message []byte, wait time.Duration)
}

// socketCalls are preview 1's calls for sockets and WasmEdge's.
var socketCalls = []call{
	define("sock_open", "iii", (*System).sockOpen),
	define("sock_open_v2", "iii", (*System).sockOpen),
	define("sock_bind", "iii", (*System).sockBind),
	define("sock_bind_v2", "iii", (*System).sockBind),
	define("sock_listen", "ii", (*System).sockListen),
	define("sock_listen_v2", "ii", (*System).sockListen),
	define("sock_connect", "iii", (*System).sockConnect),
	define("sock_connect_v2", "iii", (*System).sockConnect),
	define("sock_accept", "iii", (*System).sockAccept),
	define("sock_accept", "ii", (*System).sockAcceptPlain),
	define("sock_accept_v2", "iii", (*System).sockAccept),
	define("sock_recv", "iiiiii", (*System).sockRecv),
	define("sock_recv_v2", "iiiiii", (*System).sockRecv),
	define("sock_recv_from", "iiiiiii", notImplemented),
	define("sock_recv_from", "iiiiiiii", notImplemented),
	define("sock_recv_from_v2", "iiiiiiii", notImplemented),
	define("sock_send", "iiiii", (*System).sockSend),
	define("sock_send_v2", "iiiii", (*System).sockSend),
	define("sock_send_to", "iiiiiii", notImplemented),
	define("sock_send_to_v2", "iiiiiii", notImplemented),
	define("sock_shutdown", "ii", (*System).sockShutdown),
	define("sock_getlocaladdr", "iiii", (*System).sockLocalTyped),
	define("sock_getlocaladdr", "iii", (*System).sockLocal),
	define("sock_getlocaladdr_v2", "iii", (*System).sockLocal),
	define("sock_getpeeraddr", "iiii", (*System).sockPeerTyped),
	define("sock_getpeeraddr", "iii", (*System).sockPeer),
	define("sock_getpeeraddr_v2", "iii", (*System).sockPeer),
	define("sock_getsockopt", "iiiii", (*System).sockGetOption),
	define("sock_setsockopt", "iiiii", (*System).sockSetOption),
	define("sock_getaddrinfo", "iiiiiiii", notImplemented),
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
	if family == familyUnspecified {
		family = familyIPv4
	}
	if family != familyIPv4 && family != familyIPv6 {
		return EAFNOSUPPORT
	}
	if _, err := m.slice(result, 4); err != nil {
		return err
	}
	opened, err := openSocket(family == familyIPv6)
	if err != nil {
		return err
	}
	return s.putDescriptor(m, result, opened)
}

// putDescriptor gives the guest a socket. The result pointer was checked before.
func (s *System) putDescriptor(m memory, result uint64, opened socket) error {
	number, err := s.descriptors.add(opened)
	if err != nil {
		_ = opened.close()
		return err
	}
	return m.putUint32(result, number)
}

func (s *System) socket(number uint64) (socket, error) {
	d, err := s.descriptors.get(number)
	if err != nil {
		return nil, err
	}
	if opened, ok := d.(socket); ok {
		return opened, nil
	}
	return nil, ENOTSOCK
}

func (s *System) sockBind(m memory, stack []uint64) error {
	opened, err := s.socket(stack[0])
	if err != nil {
		return err
	}
	address, err := m.readAddress(stack[1], stack[2])
	if err != nil {
		return err
	}
	return opened.bind(address)
}

func (s *System) sockListen(_ memory, stack []uint64) error {
	opened, err := s.socket(stack[0])
	if err != nil {
		return err
	}
	return opened.listen(int(int32(stack[1])))
}

func (s *System) sockConnect(m memory, stack []uint64) error {
	opened, err := s.socket(stack[0])
	if err != nil {
		return err
	}
	address, err := m.readAddress(stack[1], stack[2])
	if err != nil {
		return err
	}
	return opened.connect(s, address)
}

func (s *System) sockAccept(m memory, stack []uint64) error {
	return s.acceptFrom(m, stack[0], uint16(stack[1]), stack[2])
}

func (s *System) sockAcceptPlain(m memory, stack []uint64) error {
	return s.acceptFrom(m, stack[0], 0, stack[1])
}

func (s *System) acceptFrom(m memory, number uint64, flags uint16, result uint64) error {
	listening, err := s.socket(number)
	if err != nil {
		return err
	}
	if _, err := m.slice(result, 4); err != nil {
		return err
	}
	accepted, err := listening.accept(s, flags)
	if err != nil {
		return err
	}
	return s.putDescriptor(m, result, accepted)
}

func (s *System) sockRecv(m memory, stack []uint64) error {
	number, vectors, count, flags, length, outFlags := stack[0], stack[1], stack[2], stack[3], stack[4], stack[5]
	opened, err := s.socket(number)
	if err != nil {
		return err
	}
	if flags&^(receivePeek|receiveAll) != 0 {
		return EINVAL
	}
	if _, err := m.slice(length, 4); err != nil {
		return err
	}
	out, err := m.slice(outFlags, 2)
	if err != nil {
		return err
	}
	s.buffers, err = m.vectors(s.buffers[:0], vectors, count)
	if err != nil {
		return err
	}
	n, err := opened.receive(s, s.buffers, flags)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint16(out, 0) // a stream truncates nothing
	return m.putUint32(length, uint32(n))
}

// Flags of sock_recv.
const (
	receivePeek = 1 << 0
	receiveAll  = 1 << 1
)

func (s *System) sockSend(m memory, stack []uint64) error {
	if _, err := s.socket(stack[0]); err != nil {
		return err
	}
	if stack[3] != 0 {
		return EINVAL
	}
	return s.transfer(m, stack[0], stack[1], stack[2], stack[4], descriptor.write)
}

func (s *System) sockShutdown(_ memory, stack []uint64) error {
	opened, err := s.socket(stack[0])
	if err != nil {
		return err
	}
	const read, write = 1, 2
	if stack[1] == 0 || stack[1]&^(read|write) != 0 {
		return EINVAL
	}
	return opened.shutdown(stack[1]&read != 0, stack[1]&write != 0)
}

func (s *System) sockLocal(m memory, stack []uint64) error {
	return s.putAddress(m, socket.local, stack[0], stack[1], stack[2])
}

func (s *System) sockPeer(m memory, stack []uint64) error {
	return s.putAddress(m, socket.peer, stack[0], stack[1], stack[2])
}

func (s *System) sockLocalTyped(m memory, stack []uint64) error {
	return s.putTypedAddress(m, socket.local, stack)
}

func (s *System) sockPeerTyped(m memory, stack []uint64) error {
	return s.putTypedAddress(m, socket.peer, stack)
}

func (s *System) putAddress(m memory, which func(socket) (netip.AddrPort, error), number, pointer, port uint64) error {
	opened, err := s.socket(number)
	if err != nil {
		return err
	}
	address, err := which(opened)
	if err != nil {
		return err
	}
	if err := m.writeAddress(pointer, address.Addr()); err != nil {
		return err
	}
	return m.putUint32(port, uint32(address.Port()))
}

// putTypedAddress is version 1's, which tells the family as 4 or 6.
func (s *System) putTypedAddress(m memory, which func(socket) (netip.AddrPort, error), stack []uint64) error {
	number, pointer, kind, port := stack[0], stack[1], stack[2], stack[3]
	opened, err := s.socket(number)
	if err != nil {
		return err
	}
	address, err := which(opened)
	if err != nil {
		return err
	}
	version := uint32(6)
	if address.Addr().Is4() {
		version = 4
	}
	if err := m.putUint32(kind, version); err != nil {
		return err
	}
	return s.putAddress(m, which, number, pointer, port)
}

// optionSize is the size of all options that are served.
const optionSize = 4

func (s *System) sockGetOption(m memory, stack []uint64) error {
	number, level, name, value, length := stack[0], stack[1], stack[2], stack[3], stack[4]
	opened, err := s.socket(number)
	if err != nil {
		return err
	}
	if level != 0 {
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
	got, err := opened.option(name)
	if err != nil {
		return err
	}
	return m.putUint32(value, uint32(got))
}

func (s *System) sockSetOption(m memory, stack []uint64) error {
	number, level, name, value, length := stack[0], stack[1], stack[2], stack[3], stack[4]
	opened, err := s.socket(number)
	if err != nil {
		return err
	}
	if level != 0 {
		return ENOPROTOOPT
	}
	if length != optionSize {
		return EINVAL
	}
	set, err := m.readUint32(value)
	if err != nil {
		return err
	}
	return opened.setOption(name, int(int32(set)))
}
