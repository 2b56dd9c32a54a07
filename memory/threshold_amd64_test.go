package memory

import "golang.org/x/sys/cpu"

func init() {
	if !cpu.X86.HasAVX2 {
		return
	}
	lower = func(bytes int) (restore func()) {
		before := streamFrom
		streamFrom = bytes
		return func() { streamFrom = before }
	}
}
