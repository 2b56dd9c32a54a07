//go:build !wasip1

package measure

import "sync"

// Meter hands out a process' usage piece by piece: every nanosecond and every fault
// belongs to exactly one Take, so the pieces of concurrent work add up to the whole.
type Meter struct {
	mutex sync.Mutex
	last  Usage
}

// process is the one meter that TakeUsage reads.
var process = NewMeter()

// TakeUsage returns what this process used since the last call of TakeUsage by any package, or
// since the process started. It is safe for concurrent use. The package's documentation says
// when it is called, and to what each piece belongs.
func TakeUsage() Usage { return process.Take() }

// NewMeter starts metering now. Only TakeUsage's pieces belong to hand-offs.
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
