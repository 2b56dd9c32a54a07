package kernel

import (
	"errors"
	"fmt"
	"math"

	"rrbench/measure"
	"rrbench/memory"
	"rrbench/modes"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// resolver is the target of all transports of this package that refer to payloads; what
// comes as bytes it takes, too.
//
// A payload in a memory file becomes the whole pages of a region, privately: what the guest
// writes there is its own. When the handler is done, the mapping goes into a cache, out of
// every linear memory, and the region consists of fresh pages again. Pages in the cache show
// what the source writes next, which is what the mapping is kept for: the next payload in
// this file is in place, page table and all, when the mapping moves back. A file that is as long as a
// window has a view in its place, if the function has a window.
type resolver struct {
	function *modes.Function
	reader   reader
	mappings memory.MappingCache
	views    views
	writing  writing

	// now is the payload between Resolve or Place and Release.
	now mappedPayload
	// faults is how many page faults this process had before the handler was entered; or, where others
	// than the handler have some, how many the handler had: it counts by itself then.
	faults       int64
	countsItself bool
	*keeping
	// holds says that the payload released last is one of them, released are IDs of those
	// given back since and not reported.
	holds    bool
	released []uint64
}

// mappedPayload is a payload in a region, of which pages may be mapped from a file.
type mappedPayload struct {
	region *modes.Region
	// [first, end) are the region's bytes that are mapped from a file; none when equal.
	first, end int
	// slot is where the mapping is kept afterwards, or nil.
	slot *memory.Slot
	// shown: the region is in the function's window, which shows a view.
	shown bool
	// id is that of the reference, 0 when its source is gone.
	id uint64
	// by has the mapping.
	by *resolver
}

// keeping has the payloads that a function's guest keeps, of all its sources.
type keeping struct{ kept []mappedPayload }

var (
	_ stream.Resolver = (*resolver)(nil)
	_ stream.Sharing  = (*resolver)(nil)
	_ modes.Lender    = (*keeping)(nil)
)

func newResolver(function *modes.Function) *resolver {
	r := &resolver{function: function, keeping: new(keeping), views: newViews(function)}
	function.SetLender(r)
	return r
}

// ForSource returns a resolver with mappings of its own.
func (r *resolver) ForSource() stream.Receiver { return r.another() }

func (r *resolver) another() *resolver {
	return &resolver{function: r.function, keeping: r.keeping, views: r.views.ofAnother(), countsItself: r.countsItself}
}

// Place has a payload's bytes read straight into the function's memory.
func (r *resolver) Place(n uint64) ([]byte, error) {
	if n > math.MaxUint32 {
		return nil, fmt.Errorf("a payload of %d bytes does not fit into a 32-bit memory", n)
	}
	return r.allocate(uint32(n), 0, 0)
}

// Resolve puts a payload into the function's memory from where its locator says.
func (r *resolver) Resolve(n uint64, reference stream.Reference) error {
	if len(reference.Locator) == 0 {
		v := r.views.find(reference.ID)
		if v == nil {
			return fmt.Errorf("reference %d leads to no file that came before: %w", reference.ID, stream.ErrSendBytes)
		}
		return r.view(n, v)
	}
	d, err := parseLocator(reference.Locator, n)
	if err != nil {
		return err
	}
	if d.method == reading {
		return r.read(uint32(n), reference, uintptr(d.place))
	}
	if reference.Descriptor < 0 {
		return fmt.Errorf("the locator of a memory file came without its descriptor")
	}
	r.mappings.Forget(d.oldest)
	if d.method == showing {
		if err := r.views.retain(d.open); err != nil {
			return err
		}
		v, err := r.views.learn(reference)
		if err != nil {
			return err
		}
		return r.view(n, v)
	}
	held, err := memory.CheckSealed(reference.Descriptor, d.place+n-uint64(len(d.head)+len(d.tail)))
	if err != nil {
		return err
	}
	return r.mapPayload(uint32(n), reference, &d, held)
}

// view has the function's window show the payload of n bytes at the beginning of a view's file. Where
// it cannot, or the guest writes to most of what it gets, the payload comes to be elsewhere.
func (r *resolver) view(n uint64, v *view) error {
	if n > uint64(memory.Window) {
		return fmt.Errorf("a payload of %d bytes is longer than its file", n)
	}
	reference := stream.Reference{ID: v.id, Descriptor: v.fd}
	if r.writing.copies() {
		into, err := r.allocate(uint32(n), 0, 0)
		if err != nil {
			return err
		}
		if v.mapped && v != r.views.shown && v.see(v.place, int(n)) == nil {
			memory.Copy(into, v.place[:n])
			return nil
		}
		return r.orGiveUp(memory.ReadFile(v.fd, into, 0))
	}
	region := r.views.show(v, int(n))
	if region == nil {
		return r.mapPayload(uint32(n), reference, &locator{}, v.file)
	}
	r.now = mappedPayload{region: region, shown: true, id: v.id}
	if r.faults == 0 {
		r.countFaults()
	}
	return nil
}

// countFaults is called before the handler is entered.
func (r *resolver) countFaults() {
	if !r.countsItself {
		r.faults = measure.Faults()
	}
}

// faulted is how many page faults there have been since.
func (r *resolver) faulted() int64 {
	if r.countsItself {
		return r.faults
	}
	return measure.Faults() - r.faults
}

// read copies a payload out of the source's process.
func (r *resolver) read(n uint32, reference stream.Reference, address uintptr) error {
	into, err := r.allocate(n, 0, 0)
	if err != nil {
		return err
	}
	return r.orGiveUp(r.reader.follow(reference, into, address))
}

// mapPayload makes a region consist of a payload's pages, of a file that was checked.
func (r *resolver) mapPayload(n uint32, reference stream.Reference, d *locator, held memory.FileID) error {
	head, whole := len(d.head), int(n)-len(d.head)-len(d.tail)
	into, err := r.allocate(n, head, whole)
	if err != nil {
		return err
	}
	if err := r.orGiveUp(r.fill(into[head:head+whole], reference, d, held)); err != nil {
		return err
	}
	copy(into, d.head)
	copy(into[head+whole:], d.tail)
	r.countFaults()
	return nil
}

// orGiveUp releases the region that was allocated for a payload, if there was an error.
func (r *resolver) orGiveUp(err error) error {
	if err == nil {
		return nil
	}
	region := r.now.region
	r.now = mappedPayload{}
	return errors.Join(err, r.function.Release(region))
}

// allocate makes a region of n bytes the payload's, and returns a view of it. whole bytes after the head
// are pages, so they begin where a block does if they contain one. The window is hidden first: the guest's
// allocator runs, and must not see what the window shows.
func (r *resolver) allocate(n uint32, head, whole int) (view []byte, err error) {
	if err := r.views.hide(); err != nil {
		return nil, err
	}
	var region *modes.Region
	if whole < memory.Block {
		region, err = r.function.Allocate(n)
	} else {
		region, err = r.function.AllocateAligned(n, memory.AlignmentOf(r.function.Memory()).Before(head))
	}
	if err != nil {
		return nil, err
	}
	r.now = mappedPayload{region: region}
	return region.Bytes(), nil
}

// fill makes memory the payload's whole pages: blocks are mapped, for the reasons that
// memory.Block has, and the rest is read, first, since that can fail.
func (r *resolver) fill(area []byte, reference stream.Reference, d *locator, f memory.FileID) error {
	first, end := memory.Blocks(area)
	read := func(from, to int) error {
		return memory.ReadFile(reference.Descriptor, area[from:to], int64(d.place)+int64(from))
	}
	if err := errors.Join(read(0, first), read(end, len(area))); err != nil {
		return err
	}
	if !r.mapPages(area[first:end], reference, d.place+uint64(first), f) {
		// There are none, or the guest's allocator or the limit of mappings does not allow it.
		return read(first, end)
	}
	r.now.first, r.now.end = len(d.head)+first, len(d.head)+end
	return nil
}

// mapPages maps pages that are at an offset in the payload's file.
func (r *resolver) mapPages(area []byte, reference stream.Reference, offset uint64, f memory.FileID) bool {
	if len(area) == 0 || offset%uint64(memory.Size) != 0 || !r.now.region.MayMove() {
		return false
	}
	slot, err := r.mappings.Map(reference.ID, reference.Descriptor, f, offset, area)
	if err != nil {
		return false
	}
	r.now.slot, r.now.id = slot, reference.ID
	r.now.region.SetShared(true)
	return true
}

// Consume runs the handler.
func (r *resolver) Consume(d *transport.Delivery) (err error) {
	d.Digest, err = r.function.Enter(r.now.region)
	return err
}

// Release gives the region back, or notes that the guest keeps it.
func (r *resolver) Release() error {
	now := r.now
	now.by = r
	r.now, r.holds = mappedPayload{}, false
	switch {
	case now.first == now.end && !now.shown:
	case now.region.Kept():
		r.holds = true
		r.kept = append(r.kept, now)
		r.views.kept = r.views.kept || now.shown
	case now.shown:
		// A write to a page takes a fault, and little else does between two payloads.
		written := 0
		if faults := r.faulted(); faults != 0 {
			r.faults += faults
			written = r.views.revert()
		}
		r.writing.saw(written, int(now.region.Len()))
	default:
		r.holds = !r.moveOut(now, r.faulted() != 0)
	}
	return r.function.Release(now.region)
}

// moveOut takes a payload's pages out of linear memory; false when they have to stay.
func (r *resolver) moveOut(from mappedPayload, written bool) bool {
	if from.shown {
		return r.views.giveUp()
	}
	area := from.region.Bytes()[from.first:from.end]
	r.mappings.Put(from.slot, area, written)
	// Where there is no room for another mapping, copies of its own serve as well.
	if memory.Blank(area) != nil && memory.Detach(area) != nil {
		return false
	}
	from.region.SetShared(false)
	return true
}

// BeforeFill does nothing: a target prepares no payloads.
func (*keeping) BeforeFill(*modes.Region) {}

// BeforeFree ends the use of a payload that the guest has kept.
func (k *keeping) BeforeFree(region *modes.Region) {
	for i, kept := range k.kept {
		if kept.region != region {
			continue
		}
		k.kept = append(k.kept[:i], k.kept[i+1:]...)
		if kept.by.moveOut(kept, true) && kept.id != 0 {
			kept.by.released = append(kept.by.released, kept.id)
		}
		return
	}
}

// Holds reports what the guest keeps.
func (r *resolver) Holds() (held bool, released uint64) {
	held = r.holds
	if len(r.released) > 0 {
		released = r.released[0]
		r.released = append(r.released[:0], r.released[1:]...)
	}
	return held, released
}

// Disconnected forgets the files of a source that is gone.
func (r *resolver) Disconnected() {
	_, _ = r.mappings.Clear(), r.views.retain(nil)
	r.released, r.writing = r.released[:0], writing{}
	for i := range r.kept {
		if r.kept[i].by == r {
			r.kept[i].slot, r.kept[i].id = nil, 0
		}
	}
}

// Close gives up the mappings that are kept.
func (r *resolver) Close() error {
	return errors.Join(r.views.retain(nil), r.mappings.Clear())
}
