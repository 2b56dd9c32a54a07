package memory

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/choice"
	"rrbench/measure"
)

// Waiting says what a reader of a ring does until something arrives.
type Waiting int

const (
	// Learning spins for some microseconds where that has lately ended the waiting sooner than to sleep,
	// and else sleeps.
	Learning Waiting = 1 + iota
	// Sleeping sleeps at once.
	Sleeping
	// Spinning never sleeps.
	Spinning
)

// Ring is one end of a pair of lock-free queues of bytes between two processes, one queue for
// each direction, in a memory file that both have mapped. Each queue has one producer and one
// consumer. It carries a stream of bytes: of a message that is longer than the ring, parts are
// read while others are written.
//
// The peer may write anything anywhere in the file, at any time. What belongs to this end, its
// two positions, is in its own memory and never read back from the file; of the peer's positions
// each value is checked before it is used; bytes are copied out of the ring before anything looks
// at them. So a peer that scribbles has its bytes arrive wrong, or ends the ring, and no more.
//
// One goroutine at a time uses an end; any may call Interrupt.
type Ring struct {
	fd   int
	area []byte
	out  producer
	in   consumer

	waiting Waiting
	// Alive says why nothing will come any more. It is asked now and then while the ring waits.
	alive func() error
	// interrupted is set by Interrupt.
	interrupted atomic.Bool
	until       int64
	// Of Learning: how long messages have been waited for asleep and spinning, in nanoseconds, and
	// what was chosen last.
	waited [2]choice.Estimate
	trials choice.Trials
	chosen int
}

// queue is a direction. Positions count bytes, modulo 2^32; the words are in the file.
type queue struct {
	// written and read are the positions of producer and consumer. producerSleeps and consumerSleeps
	// ask the other to wake the one that sleeps until they change (futex(2)).
	written, read, producerSleeps, consumerSleeps *uint32
	data                                          []byte
	capacity                                      uint32
	// own is this end's position, shown what the peer knows of it, and peer what is known of the
	// peer's.
	own, shown, peer uint32
}

type (
	producer struct{ queue }
	consumer struct{ queue }
)

const (
	// The maker's direction holds so many bytes, a power of two, so that positions may wrap, and the other
	// one, for answers, fewer. Of one that holds less than a payload of 1 MiB the two ends wait for one
	// another, at twice the time.
	ringCapacity   = 2 << 20
	answerCapacity = 128 << 10
	// ringHead is for the words, each in a line of its own (and the one that processors fetch with it).
	ringHead     = 4 << 10
	ringDistance = 128
	ringSize     = ringHead + ringCapacity + answerCapacity

	// ringPart is how many bytes become visible to the peer at once.
	ringPart = 32 << 10

	// spinLimit is how long a reader spins before it sleeps, in nanoseconds: about what falling asleep
	// and waking up cost. Longer waiting counts as much.
	spinLimit = 50_000
	// usualSleep is how long a message is waited for asleep until that was seen, in nanoseconds.
	usualSleep = 10_000
	// yieldAfter is how long it spins before it offers its processor to others, in nanoseconds: longer
	// than a peer that runs takes for a short message.
	yieldAfter = 5_000
	// spinTurns is how often a word is looked at between looks at the clock: about a microsecond.
	spinTurns = 64
	// sleepLimit is how long a reader goes without asking whether its peer is alive, in nanoseconds.
	sleepLimit = 50_000_000
)

// Errors of a ring. After either, or one of Alive's, the ring is of no more use.
var (
	ErrScribbled   = errors.New("the peer has written what cannot be into the ring that both share")
	ErrInterrupted = errors.New("the ring was interrupted")
)

// NewRing makes a ring and the end that writes first. The peer gets Descriptor and calls OpenRing.
func NewRing(waiting Waiting, alive func() error) (_ *Ring, err error) {
	r := &Ring{fd: -1, waiting: waiting, alive: alive}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make a ring: %w", err), r.Close())
		}
	}()
	if r.fd, err = createFile(); err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(r.fd, ringSize); err != nil {
		return nil, err
	}
	if err := allocate(r.fd, 0, ringSize); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(r.fd), unix.F_ADD_SEALS, ringSeals); err != nil {
		return nil, err
	}
	if err := r.open(r.fd); err != nil {
		return nil, err
	}
	r.out.queue, r.in.queue = r.queues()
	return r, nil
}

// OpenRing is the other end of a ring, of which it gets the descriptor; that stays the caller's.
func OpenRing(fd int, waiting Waiting, alive func() error) (*Ring, error) {
	if err := checkRing(fd); err != nil {
		return nil, fmt.Errorf("open a ring: %w", err)
	}
	r := &Ring{fd: -1, waiting: waiting, alive: alive}
	if err := r.open(fd); err != nil {
		return nil, fmt.Errorf("open a ring: %w", err)
	}
	r.in.queue, r.out.queue = r.queues()
	return r, nil
}

// ringSeals make the length final: an access beyond it would end the process (SIGBUS).
const ringSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// checkRing refuses what is not a memory file that NewRing could have made: it must keep its
// length, and consist of ordinary pages, since others may run out (hugetlbfs).
func checkRing(fd int) error {
	has, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("the descriptor is not of a memory file: %w", err)
	}
	if missing := ringSeals &^ has; missing != 0 {
		return fmt.Errorf("the memory file lacks seals %#x of %#x (fcntl(2))", missing, ringSeals)
	}
	var stat unix.Stat_t
	var system unix.Statfs_t
	if err := errors.Join(unix.Fstat(fd, &stat), unix.Fstatfs(fd, &system)); err != nil {
		return err
	}
	if stat.Size != ringSize || system.Type != unix.TMPFS_MAGIC {
		return fmt.Errorf("the memory file has %d bytes on a file system of type %#x, not %d on %#x", stat.Size, system.Type, ringSize, unix.TMPFS_MAGIC)
	}
	return nil
}

func (r *Ring) open(fd int) (err error) {
	r.area, err = unix.Mmap(fd, 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err == nil {
		// Populated now, no page needs a fault later. Linux before 5.14 cannot.
		_ = unix.Madvise(r.area, unix.MADV_POPULATE_WRITE)
	}
	return err
}

// queues are that of the maker's messages and that of the other's.
func (r *Ring) queues() (first, second queue) {
	at := func(i, from, capacity int) queue {
		word := func(j int) *uint32 { return (*uint32)(unsafe.Pointer(&r.area[(4*i+j)*ringDistance])) }
		return queue{
			written: word(0), read: word(1), producerSleeps: word(2), consumerSleeps: word(3),
			data: r.area[from:][:capacity:capacity], capacity: uint32(capacity),
		}
	}
	return at(0, ringHead, ringCapacity), at(1, ringHead+ringCapacity, answerCapacity)
}

// Descriptor is the file, until Forget or Close; negative after that, and at the end that OpenRing made.
func (r *Ring) Descriptor() int { return r.fd }

// Forget closes the descriptor, when the peer has it.
func (r *Ring) Forget() error {
	fd := r.fd
	if r.fd = -1; fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// Close ends this end. No other method may be called meanwhile or afterwards.
func (r *Ring) Close() error {
	area := r.area
	r.area = nil
	if area == nil {
		return r.Forget()
	}
	return errors.Join(r.Forget(), unix.Munmap(area))
}

// Interrupt makes every call under way fail, and every later one that would wait.
func (r *Ring) Interrupt() {
	r.interrupted.Store(true)
	// This end's own sleep: until the peer's words change.
	wake(r.in.written)
	wake(r.out.read)
}

// Write puts a message's two parts into the ring, together where they are short, waiting for the
// peer to read what has no room. It gives up past the moment until (measure.Now; 0 is never).
func (r *Ring) Write(header, payload []byte, until int64) error {
	r.until = until
	if err := r.put(header); err != nil {
		return err
	}
	if err := r.put(payload); err != nil {
		return err
	}
	r.out.show()
	return nil
}

func (r *Ring) put(p []byte) error {
	q := &r.out
	for len(p) > 0 {
		room := q.capacity - (q.own - q.peer)
		if room == 0 {
			q.show()
			read, _, err := r.await(q.read, q.producerSleeps, q.peer, r.spin())
			if err != nil {
				return err
			}
			if q.own-read > q.capacity {
				return ErrScribbled
			}
			q.peer = read
			continue
		}
		at := q.own % q.capacity
		n := copy(q.data[at:], p[:min(len(p), int(room), ringPart)])
		q.own += uint32(n)
		p = p[n:]
		if q.own-q.shown >= ringPart {
			q.showPart()
		}
	}
	return nil
}

// show makes what was written visible to the peer, and wakes the peer if it sleeps.
func (q *producer) show() {
	q.showPart()
	if atomic.LoadUint32(q.consumerSleeps) != 0 {
		wake(q.written)
	}
}

// showPart does so for a part of a message. A peer that sleeps goes on sleeping until it has much to read.
func (q *producer) showPart() {
	q.shown = q.own
	atomic.StoreUint32(q.written, q.own)
	// What is not read yet is looked up: what was known of it may be long ago.
	if atomic.LoadUint32(q.consumerSleeps) != 0 && q.own-atomic.LoadUint32(q.read) >= q.capacity/4 {
		wake(q.written)
	}
}

// Await waits for a message to begin, as Waiting has it, and gives up past the moment until.
func (r *Ring) Await(until int64) error {
	r.until = until
	q := &r.in
	if q.own != q.peer || q.look() {
		return q.check()
	}
	if r.waiting == Learning {
		cost := [...]float64{r.waited[asleep].Or(usualSleep), r.waited[spinning].Or(0)}
		r.chosen = r.trials.Take(cost[:], cost[:])
	}
	written, took, err := r.await(q.written, q.consumerSleeps, q.own, r.spin())
	if err != nil {
		return err
	}
	r.waited[r.chosen].Observe(float64(min(took, spinLimit)))
	q.peer = written
	return q.check()
}

// Ways of waiting.
const (
	asleep = iota
	spinning
)

// spin is how long to spin, in nanoseconds, negative for not at all. The rest of a message is waited for
// as its beginning was.
func (r *Ring) spin() int64 {
	switch {
	case r.waiting == Spinning:
		return math.MaxInt64
	case r.waiting == Learning && r.chosen == spinning:
		return spinLimit
	}
	return -1
}

// Pending is how many bytes have arrived that were not read.
func (r *Ring) Pending() int {
	r.in.look()
	if r.in.check() != nil {
		return 0
	}
	return int(r.in.peer - r.in.own)
}

// Read fills p, waiting for what has not arrived, up to the moment until.
func (r *Ring) Read(p []byte, until int64) error {
	r.until = until
	q, past := &r.in, len(p) >= streamFrom && len(p) > ringPart
	for len(p) > 0 {
		if q.own == q.peer && !q.look() {
			written, _, err := r.await(q.written, q.consumerSleeps, q.own, r.spin())
			if err != nil {
				return err
			}
			q.peer = written
		}
		if err := q.check(); err != nil {
			return err
		}
		at := q.own % q.capacity
		from := q.data[at:min(at+(q.peer-q.own), q.capacity)]
		n := min(len(from), len(p), ringPart)
		if past && n == ringPart {
			n -= int(address(p[n:]) % cacheLine) // so that the next part begins with a line
		}
		copyPart(p[:n], from, past)
		q.own += uint32(n)
		p = p[n:]
		if q.own-q.shown >= ringPart {
			q.show()
		}
	}
	return nil
}

// look finds out what the peer has written; true when that is anything.
func (q *consumer) look() bool {
	q.peer = atomic.LoadUint32(q.written)
	return q.peer != q.own
}

// check refuses a position that cannot be.
func (q *consumer) check() error {
	if q.peer-q.own > q.capacity {
		return ErrScribbled
	}
	return nil
}

// show makes what was read visible to the peer, and wakes the peer if it sleeps and has much room. That is
// done once for ringPart bytes: what has not been shown of an empty ring leaves the peer room enough.
func (q *consumer) show() {
	q.shown = q.own
	atomic.StoreUint32(q.read, q.own)
	if atomic.LoadUint32(q.producerSleeps) != 0 && atomic.LoadUint32(q.written)-q.own <= q.capacity/2 {
		wake(q.read)
	}
}

// await returns what a word of the peer's is once it is not old, and how long that took in
// nanoseconds. It spins for so many, not at all if negative, and then sleeps, with the word beside it
// saying so.
func (r *Ring) await(word, sleeps *uint32, old uint32, spin int64) (value uint32, took int64, err error) {
	if spin >= 0 {
		if v := spinOn(word, old, spinTurns); v != old {
			return v, 0, nil
		}
	}
	began := measure.Now()
	now, asked, yielded := began, began, began
	for {
		if v := atomic.LoadUint32(word); v != old {
			return v, now - began, nil
		}
		switch {
		case r.interrupted.Load():
			return 0, 0, ErrInterrupted
		case r.until != 0 && now > r.until:
			return 0, 0, os.ErrDeadlineExceeded
		case now-asked > sleepLimit:
			asked = now
			// What came before the peer went still counts.
			if err := r.alive(); err != nil && atomic.LoadUint32(word) == old {
				return 0, 0, err
			}
		}
		if now-began < spin {
			if v := spinOn(word, old, spinTurns); v != old {
				return v, now - began, nil
			}
			if now-yielded > yieldAfter {
				// The peer, or all other goroutines, may wait for this processor.
				runtime.Gosched()
				_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
				yielded = now
			}
		} else {
			atomic.StoreUint32(sleeps, 1)
			limit := int64(sleepLimit)
			if r.until != 0 {
				limit = min(limit, max(r.until-now, 0)+1)
			}
			sleep(word, old, limit)
			atomic.StoreUint32(sleeps, 0)
		}
		now = measure.Now()
	}
}

// sleep returns when the word is not old, when it was woken or a signal came, and after so many
// nanoseconds at the latest: FUTEX_WAIT, in a mapping that processes share.
func sleep(word *uint32, old uint32, ns int64) {
	timeout := unix.NsecToTimespec(ns)
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(old), uintptr(unsafe.Pointer(&timeout)), 0, 0)
}

// wake ends the sleep of a process that sleeps on the word: FUTEX_WAKE.
func wake(word *uint32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0)
}

const (
	futexWait = 0
	futexWake = 1
)
