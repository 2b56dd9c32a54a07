package transporttest

import (
	"testing"

	"rrbench/memory"
)

// SmallBlocks has blocks of pages be of four during a test: everything that happens to long
// payloads happens to those that are quick to look at.
func SmallBlocks(tb testing.TB) {
	before := memory.Block
	memory.Block = 4 * memory.Size
	tb.Cleanup(func() { memory.Block = before })
}
