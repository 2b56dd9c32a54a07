package wasip1

import (
	"encoding/binary"
	"net/netip"
)

// storageSize is the length of an address with its family before it.
const storageSize = 128

// addressBuffer is what pointer and length at a place in memory describe.
func (m memory) addressBuffer(pointer uint64) ([]byte, error) {
	vector, err := m.slice(pointer, vectorSize)
	if err != nil {
		return nil, err
	}
	return m.sliceOf(vector)
}

// readAddress reads the address that a guest wants to bind or connect to.
func (m memory) readAddress(pointer, port uint64) (netip.AddrPort, error) {
	buffer, err := m.addressBuffer(pointer)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if port > 0xffff {
		return netip.AddrPort{}, EINVAL
	}
	if len(buffer) == storageSize {
		family := binary.LittleEndian.Uint16(buffer)
		buffer = buffer[2:]
		switch family {
		case familyIPv4:
			buffer = buffer[:4]
		case familyIPv6:
			buffer = buffer[:16]
		default:
			return netip.AddrPort{}, EAFNOSUPPORT
		}
	}
	address, ok := netip.AddrFromSlice(buffer)
	if !ok {
		return netip.AddrPort{}, EINVAL
	}
	return netip.AddrPortFrom(address, uint16(port)), nil
}

// writeAddress fills the buffer that a guest has for an address.
func (m memory) writeAddress(pointer uint64, address netip.Addr) error {
	buffer, err := m.addressBuffer(pointer)
	if err != nil {
		return err
	}
	family := uint16(familyIPv6)
	if address.Is4() {
		family = familyIPv4
	}
	if len(buffer) == storageSize {
		clear(buffer)
		binary.LittleEndian.PutUint16(buffer, family)
		buffer = buffer[2:]
	}
	if len(buffer) < address.BitLen()/8 {
		return EINVAL
	}
	copy(buffer, address.AsSlice())
	return nil
}
