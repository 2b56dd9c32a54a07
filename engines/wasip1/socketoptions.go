package wasip1

import "golang.org/x/sys/unix"

// WasmEdge's numbers of the options that a guest can read or set. See socket(7).
var (
	readable = map[uint64]int{
		0: unix.SO_REUSEADDR, 1: unix.SO_TYPE, 2: unix.SO_ERROR, 4: unix.SO_BROADCAST, 5: unix.SO_SNDBUF,
		6: unix.SO_RCVBUF, 7: unix.SO_KEEPALIVE, 8: unix.SO_OOBINLINE, 10: unix.SO_RCVLOWAT, 13: unix.SO_ACCEPTCONN,
	}
	writable = map[uint64]int{
		0: unix.SO_REUSEADDR, 4: unix.SO_BROADCAST, 5: unix.SO_SNDBUF,
		6: unix.SO_RCVBUF, 7: unix.SO_KEEPALIVE, 8: unix.SO_OOBINLINE, 10: unix.SO_RCVLOWAT,
	}
)

func (k *streamSocket) option(name uint64) (int, error) {
	option, ok := readable[name]
	if !ok {
		return 0, ENOPROTOOPT
	}
	value, err := unix.GetsockoptInt(k.descriptor, unix.SOL_SOCKET, option)
	if err != nil {
		return 0, errnoOf(err)
	}
	switch {
	case option == unix.SO_ERROR && value != 0:
		value = int(errnoOf(unix.Errno(value)))
	case option == unix.SO_TYPE:
		value = kindStream
	}
	return value, nil
}

func (k *streamSocket) setOption(name uint64, value int) error {
	option, ok := writable[name]
	if !ok {
		return ENOPROTOOPT
	}
	return answer(unix.SetsockoptInt(k.descriptor, unix.SOL_SOCKET, option, value))
}
