//go:build !linux

package wazero

// reserved says that memories of this engine may move when they grow.
const reserved = false

// heap is a linear memory in Go's heap, as wazero's own are.
type heap struct {
	buffer []byte
	limit  uint64
}

func newLinearMemory(limit uint64) (linearMemory, error) { return &heap{limit: limit}, nil }

func (h *heap) Reallocate(size uint64) []byte {
	if size > h.limit {
		return nil
	}
	if missing := int64(size) - int64(len(h.buffer)); missing > 0 {
		h.buffer = append(h.buffer, make([]byte, missing)...)
	}
	return h.buffer[:size:size]
}

func (h *heap) bytes() []byte { return h.buffer }
func (h *heap) Free()         { h.buffer = nil }
