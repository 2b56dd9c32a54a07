package wazero

import "rrbench/engines"

// largest is the largest memory in bytes: wazero's compiled code reads a memory's length
// as 32 bits, for which 4 GiB is nothing.
const largest = engines.AddressSpace - engines.PageSize

type memory instance

var _ engines.Memory = (*memory)(nil)

func (m *memory) Bytes() []byte { return m.linear.view }
func (m *memory) Size() uint64  { return uint64(len(m.linear.view)) }
