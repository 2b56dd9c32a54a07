package wazero

import (
	"github.com/tetratelabs/wazero/experimental"

	"rrbench/engines"
)

// memoryName is the export under which a guest shows its linear memory.
const memoryName = "memory"

// largest is the largest memory in bytes: wazero's compiled code reads a memory's length
// as 32 bits, for which 4 GiB is nothing.
const largest = engines.AddressSpace - engines.PageSize

// linearMemory is what backs a guest's memory, bytes the part that the guest can use at
// present. It is one type a system, not an interface, so that looking at it is no call.
var _ interface {
	experimental.LinearMemory
	bytes() []byte
} = (*linearMemory)(nil)

type memory struct{ instance *instance }

var _ engines.Memory = (*memory)(nil)

func (m *memory) Bytes() []byte { return m.instance.linear.bytes() }
func (m *memory) Size() uint64  { return uint64(len(m.instance.linear.bytes())) }
