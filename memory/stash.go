package memory

// Stash keeps pages warm between two uses. What they contain is of no value any more, but
// may be a secret: the taker of pages from a stash overwrites them before others can read them. The zero Stash is empty.
type Stash struct {
	reserved []byte
	held     []byte
}

// Put moves whole pages to the stash, in place of what it held. On an error the stash is
// empty.
func (s *Stash) Put(memory []byte) error {
	if err := s.makeRoom(memory); err != nil {
		return err
	}
	skip := AlignmentOf(memory).Skip(s.reserved)
	place := s.reserved[skip : skip+len(memory) : skip+len(memory)]
	if err := Move(place, memory); err != nil {
		return err
	}
	s.held = place
	return nil
}

// makeRoom empties the stash and makes sure that it is long enough.
func (s *Stash) makeRoom(memory []byte) error {
	if s.held == nil && len(s.reserved) >= len(memory)+int(AlignmentOf(memory).Slack()) {
		return nil
	}
	if err := s.Clear(); err != nil {
		return err
	}
	reserved, err := Reserve(len(memory) + int(AlignmentOf(memory).Slack()))
	if err != nil {
		return err
	}
	s.reserved = reserved
	return nil
}

// Holds is the number of bytes on the stash.
func (s *Stash) Holds() int { return len(s.held) }

// Take moves everything on the stash to memory, as many whole pages. On an error nothing
// has moved.
func (s *Stash) Take(memory []byte) error {
	if err := Move(memory, s.held); err != nil {
		return err
	}
	s.held = nil
	return nil
}

// Clear frees what the stash holds, and the stash.
func (s *Stash) Clear() error {
	reserved := s.reserved
	s.reserved, s.held = nil, nil
	return Free(reserved)
}
