package memory

// Shelf keeps pages warm between two uses. What they contain is of no value any more, but
// may be somebody's secret: whoever takes pages from a shelf overwrites them before anybody
// else can read them. The zero Shelf is empty.
type Shelf struct {
	reserved []byte
	held     []byte
}

// Put moves whole pages to the shelf, in place of what it held. On an error the shelf is
// empty.
func (s *Shelf) Put(memory []byte) error {
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

// makeRoom empties the shelf and makes sure that it is long enough.
func (s *Shelf) makeRoom(memory []byte) error {
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

// Holds is the number of bytes on the shelf.
func (s *Shelf) Holds() int { return len(s.held) }

// Take moves everything on the shelf to memory, as many whole pages. On an error nothing
// has moved.
func (s *Shelf) Take(memory []byte) error {
	if err := Move(memory, s.held); err != nil {
		return err
	}
	s.held = nil
	return nil
}

// Clear frees what the shelf holds, and the shelf.
func (s *Shelf) Clear() error {
	reserved := s.reserved
	s.reserved, s.held = nil, nil
	return Free(reserved)
}
