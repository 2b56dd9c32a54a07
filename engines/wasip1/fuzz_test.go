package wasip1

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// pretended is a socket without a network: it takes and gives whatever it can.
type pretended struct{ standardOutput }

func (pretended) bind(netip.AddrPort) error                  { return nil }
func (pretended) listen(int) error                           { return nil }
func (pretended) connect(*System, netip.AddrPort) error      { return nil }
func (pretended) accept(*System, uint16) (socket, error)     { return &pretended{}, nil }
func (pretended) shutdown(bool, bool) error                  { return nil }
func (pretended) endAfter([]byte, time.Duration)             {}
func (pretended) option(uint64) (int, error)                 { return -1, nil }
func (pretended) setOption(uint64, int) error                { return nil }
func (pretended) local() (netip.AddrPort, error)             { return netip.MustParseAddrPort("1.2.3.4:5"), nil }
func (pretended) peer() (netip.AddrPort, error)              { return netip.MustParseAddrPort("[::1]:2"), nil }
func (p *pretended) read(s *System, b [][]byte) (int, error) { return p.receive(s, b, 0) }
func (pretended) receive(_ *System, buffers [][]byte, _ uint64) (int, error) {
	total := 0
	for _, buffer := range buffers {
		for i := range buffer {
			buffer[i] = 0x5a
		}
		total += len(buffer)
	}
	return total, nil
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
		if _, err := w.system.descriptors.add(&pretended{}); err != nil {
			t.Fatal(err)
		}
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
		for i := range margin {
			if around[i] != 0xa5 || around[len(around)-1-i] != 0xa5 {
				t.Fatalf("%s wrote outside of the memory", function.Name)
			}
		}
	})
}
