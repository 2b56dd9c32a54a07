package kernel

import (
	"errors"
	"slices"

	"rrbench/memory"
)

// parking keeps the mappings of memory files that a target's regions have consisted of:
// populated, so that the next payload in the same file is read without a page fault. What
// the guest wrote is dropped before. The zero parking is empty.
type parking struct {
	// lots are in the order of use, the latest last.
	lots []*lot
	// scratch is for memory.Revert.
	scratch []byte
}

// lot is one parked mapping.
type lot struct {
	id   uint64
	file file
	// offset is where the mapping begins in the file.
	offset uint64
	// place is where the mapping is when no region consists of it.
	place, reserved []byte
	// taken: a region consists of it.
	taken bool
}

// parkingLimit bounds the mappings kept; a source uses one file at a time, or two when the
// guest keeps every payload until the next has come.
const parkingLimit = 4

// take moves the mapping that was parked of a file to memory, false if there is none.
func (p *parking) take(f file, offset uint64, area []byte) (*lot, bool) {
	for i, l := range p.lots {
		if l.file != f || l.offset != offset || len(l.place) != len(area) || l.taken {
			continue
		}
		if memory.Move(area, l.place) != nil {
			p.drop(i)
			return nil, false
		}
		l.taken = true
		p.lots = append(slices.Delete(p.lots, i, i+1), l)
		return l, true
	}
	return nil, false
}

// put parks the mapping that memory consists of, in l or a new lot. written says that the
// guest may have written to it. It is no error if that does not work.
func (p *parking) put(l *lot, area []byte, written bool) {
	if l == nil {
		return
	}
	if written {
		var err error
		if p.scratch, err = memory.Revert(area, p.scratch); err != nil {
			p.remove(l)
			return
		}
	}
	if l.place == nil && l.reserve(area) != nil {
		return
	}
	if memory.Move(l.place, area) != nil {
		p.remove(l)
		return
	}
	l.taken = false
	if slices.Contains(p.lots, l) {
		return
	}
	p.lots = append(p.lots, l)
	if len(p.lots) > parkingLimit {
		p.drop(0)
	}
}

// reserve makes the place of a lot, at the alignment at which pages move cheaply.
func (l *lot) reserve(area []byte) error {
	alignment := memory.AlignmentOf(area)
	reserved, err := memory.Reserve(len(area) + int(alignment.Slack()))
	if err != nil {
		return err
	}
	skip := alignment.Skip(reserved)
	l.reserved, l.place = reserved, reserved[skip:skip+len(area):skip+len(area)]
	return nil
}

// forget gives up what is parked of files that the source has given up.
func (p *parking) forget(oldest uint64) {
	for i := len(p.lots) - 1; i >= 0; i-- {
		if p.lots[i].id < oldest && !p.lots[i].taken {
			p.drop(i)
		}
	}
}

func (p *parking) drop(i int) {
	l := p.lots[i]
	p.lots = slices.Delete(p.lots, i, i+1)
	_ = l.close()
}

func (p *parking) remove(l *lot) {
	if i := slices.Index(p.lots, l); i >= 0 {
		p.drop(i)
		return
	}
	_ = l.close()
}

func (l *lot) close() error {
	reserved := l.reserved
	l.reserved, l.place = nil, nil
	return memory.Free(reserved)
}

// clear gives up everything.
func (p *parking) clear() error {
	var errs []error
	for _, l := range p.lots {
		errs = append(errs, l.close())
	}
	p.lots = nil
	return errors.Join(errs...)
}
