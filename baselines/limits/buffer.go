package limits

import (
	"errors"
	"fmt"

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
// of which has been touched: what a careful program keeps for its payloads. One that is a window
// (package memory) moves as a whole, and is touched only where payloads are made.
type buffer struct {
	area   []byte
	window bool
}

func (b *buffer) take(size int64) ([]byte, error) {
	if b.window && size > int64(memory.Window) {
		return nil, fmt.Errorf("a payload of %d bytes is longer than a window of %d", size, memory.Window)
	}
	if whole := memory.Enough(int(size)); whole > len(b.area) {
		if err := b.free(); err != nil {
			return nil, err
		}
		boundary := memory.Boundary(int(size))
		if b.window {
			whole, boundary = memory.Window, memory.Alignment{Modulus: uintptr(memory.Window)}
		}
		area, err := memory.ReserveAt(whole, boundary)
		if err != nil {
			return nil, err
		}
		if err := memory.Blank(area); err != nil {
			return nil, errors.Join(err, memory.Free(area))
		}
		memory.PreferLarge(area)
		if !b.window {
			memory.Populate(area)
		}
		b.area = area
	}
	return b.area[:size], nil
}

// pages are those that move with the first n bytes: what these are in, or the window.
func (b *buffer) pages(n int) []byte {
	if b.window {
		return b.area
	}
	return b.area[:memory.Enough(n)]
}

func (b *buffer) free() error {
	area := b.area
	b.area = nil
	return memory.Free(area)
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
