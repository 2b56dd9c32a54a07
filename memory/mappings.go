package memory

import (
	"errors"
	"slices"
)

// MappingCache keeps private mappings of memory files (MapPrivate) between two uses: populated,
// so that the next payload in the same file is read without a page fault. What was written to a
// mapping is dropped before. The zero MappingCache is empty.
type MappingCache struct {
	// slots are in the order of use, the latest last.
	slots []*Slot
	// scratch is for Revert.
	scratch []byte
}

// Slot is where the cache keeps one mapping.
type Slot struct {
	key  uint64
	file FileID
	// offset is where the mapping begins in the file.
	offset uint64
	// place is where the mapping is while it is not in use.
	place, reserved []byte
	inUse           bool
}

// slotLimit bounds the mappings kept; a source uses one file at a time, or two when the guest
// keeps every payload until the next has come.
const slotLimit = 4

// Map makes whole pages of memory show those of a file from offset on, as MapPrivate does, with
// a mapping that the cache has where there is one. Put or nothing follows with the slot. Forget
// knows it by the key. On an error memory is unchanged or reads as zeros.
func (c *MappingCache) Map(key uint64, fd int, file FileID, offset uint64, memory []byte) (*Slot, error) {
	for i, s := range c.slots {
		if s.file != file || s.offset != offset || len(s.place) != len(memory) || s.inUse {
			continue
		}
		if Move(memory, s.place) != nil {
			c.drop(i)
			break
		}
		s.inUse = true
		c.slots = append(slices.Delete(c.slots, i, i+1), s)
		return s, nil
	}
	if err := MapPrivate(memory, fd, int64(offset)); err != nil {
		return nil, err
	}
	return &Slot{key: key, file: file, offset: offset}, nil
}

// Put keeps the mapping that memory consists of, which Map has made. written says that memory
// may have been written to. It is no error if that does not work. A nil slot keeps nothing.
func (c *MappingCache) Put(s *Slot, memory []byte, written bool) {
	if s == nil {
		return
	}
	if written {
		var err error
		if c.scratch, err = Revert(memory, c.scratch); err != nil {
			c.remove(s)
			return
		}
	}
	if s.place == nil {
		var err error
		if s.place, s.reserved, err = reserveLike(memory); err != nil {
			return
		}
	}
	if Move(s.place, memory) != nil {
		c.remove(s)
		return
	}
	s.inUse = false
	if slices.Contains(c.slots, s) {
		return
	}
	c.slots = append(c.slots, s)
	if len(c.slots) > slotLimit {
		c.drop(0)
	}
}

// Forget gives up the mappings that are not in use and have a key below oldest.
func (c *MappingCache) Forget(oldest uint64) {
	for i := len(c.slots) - 1; i >= 0; i-- {
		if c.slots[i].key < oldest && !c.slots[i].inUse {
			c.drop(i)
		}
	}
}

// Clear gives up everything.
func (c *MappingCache) Clear() error {
	var errs []error
	for _, s := range c.slots {
		errs = append(errs, s.close())
	}
	c.slots = nil
	return errors.Join(errs...)
}

func (c *MappingCache) drop(i int) {
	s := c.slots[i]
	c.slots = slices.Delete(c.slots, i, i+1)
	_ = s.close()
}

func (c *MappingCache) remove(s *Slot) {
	if i := slices.Index(c.slots, s); i >= 0 {
		c.drop(i)
		return
	}
	_ = s.close()
}

func (s *Slot) close() error {
	reserved := s.reserved
	s.reserved, s.place = nil, nil
	return Free(reserved)
}
