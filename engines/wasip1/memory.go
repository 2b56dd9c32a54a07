package wasip1

import "encoding/binary"

// memory is a guest's linear memory during one call. Offsets and lengths come from the
// guest: 32-bit values in 64-bit variables, whose sums cannot overflow.
type memory []byte

// slice is the part [pointer, pointer+length), or EFAULT.
func (m memory) slice(pointer, length uint64) ([]byte, error) {
	size := uint64(len(m))
	if pointer > size || length > size-pointer {
		return nil, EFAULT
	}
	return m[pointer : pointer+length : pointer+length], nil
}

// sliceOf is the part that a vector describes.
func (m memory) sliceOf(vector []byte) ([]byte, error) {
	return m.slice(uint64(binary.LittleEndian.Uint32(vector)), uint64(binary.LittleEndian.Uint32(vector[4:])))
}

func (m memory) readUint32(pointer uint64) (uint32, error) {
	b, err := m.slice(pointer, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (m memory) putUint32(pointer uint64, value uint32) error {
	b, err := m.slice(pointer, 4)
	if err == nil {
		binary.LittleEndian.PutUint32(b, value)
	}
	return err
}

func (m memory) putUint64(pointer, value uint64) error {
	b, err := m.slice(pointer, 8)
	if err == nil {
		binary.LittleEndian.PutUint64(b, value)
	}
	return err
}

const (
	// vectorSize is the size of an iovec or ciovec: pointer and length.
	vectorSize = 8
	// maxVectors is how many a call looks at, as IOV_MAX; to transfer less than what was
	// asked for is always allowed.
	maxVectors = 1024
	// maxTransfer is how many bytes a call transfers, as Linux does. See write(2).
	maxTransfer = 0x7ffff000
)

// vectors appends the buffers that an array of count vectors describes to buffers.
func (m memory) vectors(buffers [][]byte, pointer, count uint64) ([][]byte, error) {
	array, err := m.slice(pointer, count*vectorSize)
	if err != nil {
		return nil, err
	}
	array = array[:min(count, maxVectors)*vectorSize]
	total := 0
	for ; len(array) > 0 && total < maxTransfer; array = array[vectorSize:] {
		buffer, err := m.sliceOf(array)
		if err != nil {
			return nil, err
		}
		if len(buffer) == 0 {
			continue
		}
		buffer = buffer[:min(len(buffer), maxTransfer-total)]
		total += len(buffer)
		buffers = append(buffers, buffer)
	}
	return buffers, nil
}
