package memory

import "unsafe"

// address is where a slice begins. It is computed with and never followed.
func address(memory []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
}
