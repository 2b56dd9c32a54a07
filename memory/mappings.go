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
	place []byte
	inUse bool
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
			c.drop(s)
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
	var err error
	if written {
		_, c.scratch, err = Revert(memory, c.scratch)
	}
	if err == nil && s.place == nil {
		s.place, err = ReserveAt(len(memory), AlignmentOf(memory))
	}
	if err == nil {
		err = Move(s.place, memory)
	}
	if err != nil {
		c.drop(s)
		return
	}
	s.inUse = false
	if slices.Contains(c.slots, s) {
		return
	}
	c.slots = append(c.slots, s)
	if len(c.slots) > slotLimit {
		c.drop(c.slots[0])
	}
}

// Forget gives up the mappings that are not in use and have a key below oldest.
func (c *MappingCache) Forget(oldest uint64) {
	c.slots = slices.DeleteFunc(c.slots, func(s *Slot) bool {
		forgotten := s.key < oldest && !s.inUse
		if forgotten {
			_ = s.close()
		}
		return forgotten
	})
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

// drop gives up a mapping, which the cache may have or not.
func (c *MappingCache) drop(s *Slot) {
	c.slots = slices.DeleteFunc(c.slots, func(other *Slot) bool { return other == s })
	_ = s.close()
}

func (s *Slot) close() error {
	place := s.place
	s.place = nil
	return Free(place)
}
