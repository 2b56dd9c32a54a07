package transporttest

import (
	"testing"

	"rrbench/transport/pages"
)

// SmallBlocks has blocks of pages be of four during a test: everything that happens to long
// payloads happens to those that are quick to look at.
func SmallBlocks(tb testing.TB) {
	before := pages.Block
	pages.Block = 4 * pages.Size
	tb.Cleanup(func() { pages.Block = before })
}
