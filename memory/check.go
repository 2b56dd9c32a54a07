package memory

import "fmt"

// check refuses what is not whole pages: the kernel would round lengths up, over memory
// that the caller has not shown to be its own.
func check(dst, src []byte) error {
	mask := uintptr(Size - 1)
	if len(dst) != len(src) || len(dst) == 0 || (address(dst)|address(src)|uintptr(len(dst)))&mask != 0 {
		return fmt.Errorf("pages: %d bytes at %#x and %d bytes at %#x are not equally many whole pages", len(dst), address(dst), len(src), address(src))
	}
	return nil
}
