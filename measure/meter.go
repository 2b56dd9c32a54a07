//go:build !wasip1

package measure

import "sync"

// Meter hands out a process' usage piece by piece: every nanosecond and every fault
// belongs to exactly one Take, so the pieces of concurrent work add up to the whole.
type Meter struct {
	mutex sync.Mutex
	last  Usage
}

// NewMeter starts metering now.
func NewMeter() *Meter { return &Meter{last: SelfUsage()} }

// Take returns what this process used since the last Take, or since NewMeter. It is safe
// for concurrent use.
func (m *Meter) Take() Usage {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := SelfUsage()
	taken := now.Sub(m.last)
	m.last = now
	return taken
}
