package memory

import "unsafe"

// misalignment is the number of bytes from the beginning of a slice to the next cache line.
// The address is looked at and never followed.
func misalignment(bytes []byte) uintptr {
	return -uintptr(unsafe.Pointer(unsafe.SliceData(bytes))) % cacheLine
}
