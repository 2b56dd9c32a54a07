package wasip1

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connected gives the guest a socket that reaches no network, and from which it can read.
func connected(t *testing.T, s *System) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(pair[1]) })
	if _, err := unix.Write(pair[1], bytes.Repeat([]byte{0x5a}, 4096)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.descriptors.add(&streamSocket{descriptor: pair[0]}); err != nil {
		t.Fatal(err)
	}
}

// FuzzPointers calls each function with any parameters on any memory: no call may panic or
// touch what lies around the memory.
func FuzzPointers(f *testing.F) {
	for i := range len(calls) + len(socketCalls) {
		f.Add(uint16(i), []byte{}, []byte("memory of a guest, of any contents"))
		f.Add(uint16(i), []byte{1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16}, make([]byte, 200))
		f.Add(uint16(i), bytes.Repeat([]byte{0xff}, 72), make([]byte, 100))
		// The socket, with a vector and an address that overlap themselves.
		f.Add(uint16(i), []byte{3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1}, []byte{0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 9, 9, 9, 9})
	}
	f.Fuzz(func(t *testing.T, number uint16, params, contents []byte) {
		const margin = 64
		w := newWorld(t, Config{Arguments: []string{"a", "bc"}, Environment: []string{"d=e"}})
		connected(t, w.system)
		w.system.SetDeadline(time.Now().Add(time.Millisecond))
		around := bytes.Repeat([]byte{0xa5}, len(contents)+2*margin)
		copy(around[margin:], contents)
		w.bytes = around[margin : margin+len(contents)]
		functions := w.system.Functions()
		function := functions[int(number)%len(functions)]
		stack := make([]uint64, function.Slots())
		for i := range function.Params {
			var value [8]byte
			params = params[copy(value[:], params):]
			stack[i] = binary.LittleEndian.Uint64(value[:])
			if function.Params[i] == 0x7f {
				stack[i] = uint64(uint32(stack[i]))
			}
		}
		if err := function.Handler(w.guest, stack); err == nil && len(stack) > 0 && stack[0] > 76 {
			t.Errorf("%s answers %d", function.Name, stack[0])
		}
		_ = memory(w.bytes).writeAddress(uint64(number), netip.IPv6Loopback()) // which only an inet socket has
		for i := range margin {
			if around[i] != 0xa5 || around[len(around)-1-i] != 0xa5 {
				t.Fatalf("%s wrote outside of the memory", function.Name)
			}
		}
	})
}
