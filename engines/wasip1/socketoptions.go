package wasip1

import "golang.org/x/sys/unix"

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
