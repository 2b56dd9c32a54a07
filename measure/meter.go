//go:build !wasip1

package measure

import "sync"

// process is this process's one meter.
var process = struct {
	mutex sync.Mutex
	last  Usage
}{last: SelfUsage()}

// TakeUsage returns what this process used since the last call of TakeUsage by any package, or
// since the process started. It is safe for concurrent use. The package's documentation says
// when it is called, and to what each piece belongs.
func TakeUsage() Usage {
	process.mutex.Lock()
	defer process.mutex.Unlock()
	now := SelfUsage()
	taken := now.Sub(process.last)
	process.last = now
	return taken
}
