package kernel

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"rrbench/memory"
	"rrbench/modes"
	"rrbench/transport/stream"
)

// view is a source's file that is as long as a window, at a target. Its private mapping stays in the
// function's window from one payload to the next, page table and all, so that a hand-off maps
// nothing. That is safe as long as the guest runs with payloads of that file only: the source is
// suspended then. Before it runs for anything else the mapping moves to the view's place, out of
// linear memory.
type view struct {
	id   uint64
	fd   int
	file memory.FileID
	// place is where the mapping is while it is not in the window, nil until it was there. mapped:
	// there is a mapping.
	place  []byte
	mapped bool
	// seen is how much of the file has been in the window, in bytes.
	seen int
}

func (v *view) close() {
	if v.fd >= 0 {
		_ = unix.Close(v.fd)
	}
	_ = memory.Free(v.place)
	v.fd, v.place, v.mapped = -1, nil, false
}

// views are those of a source's files.
type views struct {
	function *modes.Function
	// all are in the order of use, the latest last.
	all []*view
	*shownView
	// scratch is for memory.Revert.
	scratch []byte
}

// shownView is what a function's window shows, for all of its sources: while the guest runs with what
// one of them has sent, the others are not suspended.
type shownView struct {
	// shown is the view, window its region, both nil for neither. kept: the guest has kept the payload
	// in there, and it stays whatever comes.
	shown  *view
	window *modes.Region
	kept   bool
}

func newViews(function *modes.Function) views {
	return views{function: function, shownView: new(shownView)}
}

// ofAnother are the views of another source of the function.
func (w *views) ofAnother() views { return views{function: w.function, shownView: w.shownView} }

func (w *views) find(id uint64) *view {
	for i, v := range w.all {
		if v.id != id {
			continue
		}
		if last := len(w.all) - 1; i != last {
			w.all = append(slices.Delete(w.all, i, i+1), v)
		}
		return v
	}
	return nil
}

// learn makes a view of the file that comes with a reference.
func (w *views) learn(reference stream.Reference) (*view, error) {
	file, err := memory.CheckSealed(reference.Descriptor, uint64(memory.Window))
	if err != nil {
		return nil, err
	}
	if v := w.find(reference.ID); v != nil {
		if v.file != file {
			return nil, fmt.Errorf("reference %d comes with another file than before", v.id)
		}
		return v, nil
	}
	fd, err := unix.FcntlInt(uintptr(reference.Descriptor), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("keep the payload's descriptor: %w: %w", err, stream.ErrSendBytes)
	}
	if len(w.all) == openLimit {
		if err := w.drop(w.all[0]); err != nil {
			return nil, errors.Join(err, unix.Close(fd))
		}
	}
	v := &view{id: reference.ID, fd: fd, file: file}
	w.all = append(w.all, v)
	return v, nil
}

// show returns a region of n bytes in the function's window that consists of a view's file, or nil
// where the window is not to be had.
func (w *views) show(v *view, n int) *modes.Region {
	if w.shown != v && w.hide() != nil {
		return nil
	}
	region := w.function.AllocateInWindow(uint32(n))
	if region == nil {
		return nil
	}
	area := region.Window()
	if w.shown == nil {
		if v.mapped && memory.Move(area, v.place) != nil || !v.mapped && memory.MapPrivate(area, v.fd, 0) != nil {
			_ = w.function.Release(region)
			return nil
		}
		w.shown, w.window, v.mapped = v, region, true
	}
	if v.see(area, n) != nil {
		_ = w.function.Release(region)
		return nil
	}
	region.SetShared(true)
	return region
}

// see is called before the first n bytes of the file are used where the mapping is. What the guest may
// have written beyond the payloads before would lie over them.
func (v *view) see(mapping []byte, n int) error {
	need := memory.Enough(n)
	if need <= v.seen {
		return nil
	}
	err := memory.Drop(mapping[v.seen:need])
	if err == nil {
		v.seen = need
	}
	return err
}

// revert has the view that is shown be free of what the guest has written, and returns how many
// pages that were.
func (w *views) revert() (pages int) {
	seen := w.window.Window()[:w.shown.seen]
	var err error
	if pages, w.scratch, err = memory.Revert(seen, w.scratch); err != nil {
		_ = memory.Drop(seen)
	}
	return pages
}

// hide has the function's window consist of memory of its own again, unless the guest keeps what is
// there. After an error the guest must not run: the window still shows the source's file.
func (w *views) hide() error {
	if w.shown == nil || w.kept {
		return nil
	}
	return w.takeDown()
}

func (w *views) takeDown() error {
	v, area := w.shown, w.window.Window()
	if len(area) > 0 {
		if v.fd >= 0 && v.place == nil {
			v.place, _ = memory.ReserveWindow() // without address space the file is mapped anew
		}
		v.mapped = v.place != nil && memory.Move(v.place, area) == nil
		if err := memory.Blank(area); err != nil {
			return err
		}
	}
	w.shown, w.kept = nil, false
	return nil
}

// giveUp is takeDown for a payload that was kept; false when the guest may still see its file.
func (w *views) giveUp() bool {
	w.revert()
	if w.takeDown() == nil {
		return true
	}
	v := w.shown
	w.shown, w.kept = nil, false
	_ = w.drop(v)
	return false
}

// drop forgets a view.
func (w *views) drop(v *view) error {
	w.all = slices.DeleteFunc(w.all, func(other *view) bool { return other == v })
	v.close()
	if w.shown == v {
		return w.hide()
	}
	return nil
}

// retain drops all views but those of open files.
func (w *views) retain(open []uint64) (err error) {
	for i := len(w.all) - 1; i >= 0; i-- {
		if v := w.all[i]; !slices.Contains(open, v.id) {
			err = errors.Join(err, w.drop(v))
		}
	}
	return err
}

// writing knows whether a guest writes to most of what it gets. Each page that it writes to in a
// private mapping is a page fault and a copy, which takes thirty times as long as a copy beforehand.
type writing struct {
	// left is for how many payloads copies are made, run how many it was last; it doubles as long as
	// the guest goes on.
	left, run int
}

const (
	// muchWritten is the part of a payload's pages from which on it is copied, one in so many.
	muchWritten          = 16
	firstRun, longestRun = 64, 1024
)

// copies says whether the next payload is to be copied.
func (w *writing) copies() bool {
	w.left--
	return w.left >= 0
}

// saw notes to how many pages of a payload of n bytes in a view the guest has written.
func (w *writing) saw(pages, n int) {
	w.left = 0
	if pages*muchWritten*memory.Size < n {
		w.run = 0
		return
	}
	w.run = min(max(2*w.run, firstRun), longestRun)
	w.left = w.run
}
