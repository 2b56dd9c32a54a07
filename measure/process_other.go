//go:build !linux

package measure

// ProcessMeter needs Linux.
type ProcessMeter struct{}

// NewProcessMeter needs Linux.
func NewProcessMeter(int) (*ProcessMeter, error) { return nil, errNeedsLinux }

// Take needs Linux.
func (*ProcessMeter) Take() (Usage, error) { return Usage{}, errNeedsLinux }

// Close does nothing.
func (*ProcessMeter) Close() error { return nil }

// Memory needs Linux.
func (*ProcessMeter) Memory() (Memory, error) { return Memory{}, errNeedsLinux }

// ProcessMemory needs Linux.
func ProcessMemory(int) (Memory, error) { return Memory{}, errNeedsLinux }
