package engines

import (
	"errors"
	"fmt"
)

// PageSize is the unit of linear memory in bytes.
const PageSize = 1 << 16

// AddressSpace is what a 32-bit linear memory can address, in bytes.
const AddressSpace = 1 << 32

// MaxDepth is how deep calls into one instance may nest, by a guest calling its host and
// the host calling the guest. Beyond it a call fails, long before the host's own stack
// would: that could not be survived.
const MaxDepth = 256

// ErrTooDeep is the error of a call at the depth MaxDepth.
var ErrTooDeep = errors.New("guest and host call one another without end")

// Limit is the bound that MemoryLimit stands for, in bytes: whole pages, at most
// AddressSpace.
func (c InstanceConfig) Limit() uint64 {
	if c.MemoryLimit == 0 || c.MemoryLimit > AddressSpace {
		return AddressSpace
	}
	return c.MemoryLimit &^ (PageSize - 1)
}

// MemoryTooLarge is the error of a module that declares more memory than its instance may have.
type MemoryTooLarge struct {
	// Wanted and Limit are in bytes.
	Wanted, Limit uint64
}

func (m *MemoryTooLarge) Error() string {
	return fmt.Sprintf("the module declares a memory of %d bytes, the limit is %d bytes: raise the limit or build it with less initial memory", m.Wanted, m.Limit)
}
