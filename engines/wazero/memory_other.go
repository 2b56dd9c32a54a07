//go:build !linux

package wazero

// reserved says that memories of this engine may move when they grow.
const reserved = false

// linearMemory lies in Go's heap, as wazero's own are.
type linearMemory struct {
	buffer []byte
	limit  uint64
}

func newLinearMemory(limit uint64) (*linearMemory, error) { return &linearMemory{limit: limit}, nil }

func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limit {
		return nil
	}
	if missing := int64(size) - int64(len(m.buffer)); missing > 0 {
		m.buffer = append(m.buffer, make([]byte, missing)...)
	}
	return m.buffer[:size:size]
}

func (m *linearMemory) bytes() []byte { return m.buffer }
func (m *linearMemory) Free()         { m.buffer = nil }
