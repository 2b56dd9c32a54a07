package limits

import (
	"errors"

	"rrbench/memory"
)

// room is memory for payloads.
type room interface {
	// take returns size bytes, which stay what they are, warm, until more are asked for than
	// ever before.
	take(size int64) ([]byte, error)
	free() error
}

// buffer is private memory that begins on a page, or on a page table where it is long, every page
// of which has been touched: what a careful program keeps for its payloads.
type buffer struct{ reserved, area []byte }

func (b *buffer) take(size int64) ([]byte, error) {
	if whole := memory.Enough(int(size)); whole > len(b.area) {
		if err := b.free(); err != nil {
			return nil, err
		}
		boundary := memory.Boundary(int(size))
		reserved, err := memory.Reserve(whole + int(boundary.Slack()))
		if err != nil {
			return nil, err
		}
		skip := boundary.Skip(reserved)
		area := reserved[skip : skip+whole : skip+whole]
		if err := memory.Blank(area); err != nil {
			return nil, errors.Join(err, memory.Free(reserved))
		}
		memory.PreferLarge(area)
		memory.Populate(area)
		b.reserved, b.area = reserved, area
	}
	return b.area[:size], nil
}

// pages are the whole pages that the first n bytes are in.
func (b *buffer) pages(n int) []byte { return b.area[:memory.Enough(n)] }

func (b *buffer) free() error {
	reserved := b.reserved
	*b = buffer{}
	return memory.Free(reserved)
}

// file is memory that is a file's, for others to map.
type file struct{ *memory.SealedFile }

func (f *file) take(size int64) ([]byte, error) {
	if whole := memory.Enough(int(size)); f.SealedFile == nil || whole > len(f.Place) {
		if err := f.free(); err != nil {
			return nil, err
		}
		like, err := memory.Reserve(whole)
		if err != nil {
			return nil, err
		}
		made, err := memory.NewSealedFile(like)
		if err := errors.Join(err, memory.Free(like)); err != nil {
			return nil, err
		}
		f.SealedFile = made
	}
	return f.Place[:size], nil
}

func (f *file) free() error {
	if f.SealedFile == nil {
		return nil
	}
	made := f.SealedFile
	f.SealedFile = nil
	return made.Close()
}
