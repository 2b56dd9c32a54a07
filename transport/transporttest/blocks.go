package transporttest

import (
	"testing"

	"rrbench/memory"
)

// SmallBlocks has blocks of pages be of four, and windows be small, during a test: everything that
// happens to long payloads happens to those that are quick to look at.
func SmallBlocks(tb testing.TB) {
	block, window, start := memory.Block, memory.Window, memory.WindowStart
	memory.Block, memory.Window, memory.WindowStart = 4*memory.Size, 64*memory.Size, 64*memory.Size
	tb.Cleanup(func() { memory.Block, memory.Window, memory.WindowStart = block, window, start })
}
