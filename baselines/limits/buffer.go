package limits

import "rrbench/memory"

// buffer is memory that begins on a page, or on a page table where it is long, every page
// of which has been touched: what a careful program keeps for its payloads.
type buffer struct {
	mapped []byte
	// bytes is as long as was asked for; its capacity goes on to the end of the last page.
	bytes []byte
}

// resize makes it exactly size bytes long. Memory of the same size stays what it is.
func (b *buffer) resize(size int64) error {
	if int64(len(b.bytes)) == size {
		return nil
	}
	if err := b.free(); err != nil {
		return err
	}
	whole, boundary := memory.Enough(int(size)), memory.Boundary(int(size))
	mapped, err := mapPages(int64(whole) + int64(boundary.Slack()))
	if err != nil {
		return err
	}
	skip := boundary.Skip(mapped)
	b.mapped, b.bytes = mapped, mapped[skip:skip+int(size):skip+whole]
	return nil
}

// pages are the whole pages that the first n bytes are in.
func (b *buffer) pages(n int) []byte { return b.bytes[:memory.Enough(n)] }

func (b *buffer) free() error {
	mapped := b.mapped
	b.mapped, b.bytes = nil, nil
	if mapped == nil {
		return nil
	}
	return unmapPages(mapped)
}
