package modes

import (
	"cmp"
	"slices"
)

// maxRegions bounds what a guest can make its host remember.
const maxRegions = 1 << 16

// table holds a function's live regions, which never overlap. Records are used again and
// the slices keep their capacity, so a table that has been as full before allocates
// nothing.
type table struct {
	// live is sorted by block.
	live []*Region
	// spare holds records of released regions.
	spare []*Region
	// gone holds the pointers released last, to distinguish a second release from a pointer that
	// never was a region.
	gone [16]uint32
	// goneAll counts them all.
	goneAll uint
}

// search returns the place of the first live region whose block is at or after pointer.
func (t *table) search(pointer uint32) int {
	place, _ := slices.BinarySearchFunc(t.live, pointer, func(r *Region, at uint32) int { return cmp.Compare(r.block, at) })
	return place
}

// find returns the live region in use that begins at pointer, or nil and why there is none.
func (t *table) find(pointer uint32) (*Region, Status) {
	if region := t.at(pointer); region != nil {
		if region.idle {
			return nil, Released
		}
		return region, OK
	}
	for _, gone := range t.gone[:min(t.goneAll, uint(len(t.gone)))] {
		if gone == pointer {
			return nil, Released
		}
	}
	return nil, UnknownRegion
}

// at returns the live region that begins at pointer, or nil. Its block begins there too, or
// is the last one before.
func (t *table) at(pointer uint32) *Region {
	place := t.search(pointer)
	if place < len(t.live) && t.live[place].block == pointer {
		place++
	}
	if place > 0 && t.live[place-1].pointer == pointer {
		return t.live[place-1]
	}
	return nil
}

// overlapping returns a live region whose block shares a byte with [pointer, pointer+length), or
// nil; place is where search puts pointer.
func (t *table) overlapping(place int, pointer, length uint32) *Region {
	if place > 0 && t.live[place-1].blockEnd() > uint64(pointer) {
		return t.live[place-1]
	}
	if place < len(t.live) && uint64(t.live[place].block) < uint64(pointer)+uint64(length) {
		return t.live[place]
	}
	return nil
}

// add records a region that lies inside the memory. It returns nil and a live region that
// the new one would overlap, or nil and nil when the table is full.
func (t *table) add(function *Function, pointer, length uint32) (added, overlapped *Region) {
	place := t.search(pointer)
	if overlapped := t.overlapping(place, pointer, length); overlapped != nil {
		return nil, overlapped
	}
	if len(t.live) == maxRegions {
		return nil, nil
	}
	var region *Region
	if last := len(t.spare) - 1; last >= 0 {
		region = t.spare[last]
		t.spare = t.spare[:last]
	} else {
		region = new(Region)
	}
	region.function, region.pointer, region.length = function, pointer, length
	region.block, region.blockLength = pointer, length
	region.flags = flags{live: true}
	t.live = slices.Insert(t.live, place, region)
	return region, nil
}

// remove forgets a live region.
func (t *table) remove(region *Region) {
	place := t.search(region.block)
	t.live = slices.Delete(t.live, place, place+1)
	region.live = false
	t.gone[t.goneAll%uint(len(t.gone))] = region.pointer
	t.goneAll++
	t.spare = append(t.spare, region)
}

// anyLeased says whether a leased region shares a byte with [pointer, pointer+length).
func (t *table) anyLeased(pointer, length uint32) bool {
	end := uint64(pointer) + uint64(length)
	place := t.search(pointer)
	if place > 0 {
		// The one before may reach into the range.
		place--
	}
	for _, region := range t.live[place:] {
		if uint64(region.block) >= end {
			break
		}
		if region.leased && region.blockEnd() > uint64(pointer) {
			return true
		}
	}
	return false
}
