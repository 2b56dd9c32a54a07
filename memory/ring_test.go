package memory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/measure"
)

func living() error { return nil }

// ends are both of a ring.
func ends(t testing.TB, waiting Waiting, alive func() error) (a, b *Ring) {
	t.Helper()
	a, err := NewRing(waiting, alive)
	if err != nil {
		t.Fatal(err)
	}
	b, err = OpenRing(a.Descriptor(), waiting, alive)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Forget(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return a, b
}

// startAt has a ring's queues begin at a position.
func startAt(position uint32, a, b *Ring) {
	for _, q := range []*queue{&a.out.queue, &a.in.queue, &b.out.queue, &b.in.queue} {
		q.own, q.shown, q.peer = position, position, position
		atomic.StoreUint32(q.written, position)
		atomic.StoreUint32(q.read, position)
	}
}

// What is written in messages of any length comes out in pieces of any length, in both directions, also where
// positions wrap.
func TestRingPropertyCarries(t *testing.T) {
	for _, waiting := range []Waiting{Learning, Sleeping, Spinning} {
		for _, start := range []uint32{0, 1<<32 - 300_000, 12345} {
			a, b := ends(t, waiting, living)
			startAt(start, a, b)
			const total = 6 << 20
			run := func(from, to *Ring, seed uint64) error {
				sent := make([]byte, total)
				bytesOf(sent, seed)
				failed := make(chan error, 1)
				go func() {
					random, rest := rand.New(rand.NewPCG(seed, 1)), sent
					for len(rest) > 0 {
						n := min(len(rest), random.IntN(3*ringPart), 1+random.IntN(1+len(rest)))
						head := min(n, random.IntN(100))
						if err := from.Write(rest[:head], rest[head:n], 0); err != nil {
							failed <- err
							return
						}
						rest = rest[n:]
					}
					failed <- nil
				}()
				random, got := rand.New(rand.NewPCG(seed, 2)), make([]byte, total)
				for done := 0; done < total; {
					n := min(total-done, 1+random.IntN(2*ringPart))
					if err := errors.Join(to.Await(0), to.Read(got[done:done+n], 0)); err != nil {
						return err
					}
					done += n
				}
				if !bytes.Equal(got, sent) {
					return errors.New("what came is not what was sent")
				}
				return <-failed
			}
			if err := run(a, b, 1); err != nil {
				t.Errorf("%d from %d: %v", waiting, start, err)
			}
			if err := run(b, a, 2); err != nil {
				t.Errorf("%d from %d, back: %v", waiting, start, err)
			}
		}
	}
}

func bytesOf(p []byte, seed uint64) {
	random := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = random.Read(p)
}

// A message longer than the ring, past the cache, arrives whole.
func TestRingLongMessage(t *testing.T) {
	a, b := ends(t, Learning, living)
	sent := make([]byte, 3*ringCapacity+5)
	bytesOf(sent, 3)
	if streamFrom != never && len(sent) < streamFrom {
		sent = append(sent, make([]byte, streamFrom)...)
	}
	failed := make(chan error, 1)
	go func() { failed <- a.Write([]byte("header"), sent, 0) }()
	head, got := make([]byte, 6), make([]byte, len(sent))
	if err := errors.Join(b.Await(0), b.Read(head, 0), b.Read(got, 0), <-failed); err != nil {
		t.Fatal(err)
	}
	if string(head) != "header" || !bytes.Equal(got, sent) {
		t.Error("what came is not what was sent")
	}
}

// A ring that waits ends when it is interrupted, when its time is over and when the peer is gone; what the peer has
// written before counts.
func TestRingEnds(t *testing.T) {
	for _, waiting := range []Waiting{Learning, Sleeping, Spinning} {
		var gone atomic.Bool
		a, b := ends(t, waiting, func() error {
			if gone.Load() {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		if err := b.Await(measure.Now() + 1000); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d: at its deadline: %v", waiting, err)
		}
		full := make([]byte, ringCapacity)
		if err := a.Write(full, []byte{1}, measure.Now()+5e6); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d: a write into a full ring: %v", waiting, err)
		}
		gone.Store(true)
		if err := b.Read(full, 0); err != nil {
			t.Errorf("%d: what was written before the peer went: %v", waiting, err)
		}
		if err := b.Read(full[:1], 0); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: of a peer that is gone: %v", waiting, err)
		}
		gone.Store(false)
		done := make(chan error)
		go func() { done <- b.Await(0) }()
		time.Sleep(time.Millisecond)
		b.Interrupt()
		if err := <-done; !errors.Is(err, ErrInterrupted) {
			t.Errorf("%d: interrupted: %v", waiting, err)
		}
		if err := b.Await(0); !errors.Is(err, ErrInterrupted) {
			t.Errorf("%d: after that: %v", waiting, err)
		}
	}
}

// Only what NewRing could have made is opened.
func TestRingRefusesFiles(t *testing.T) {
	memfd := func(size int64, flags, seals int) int {
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|flags)
		if err != nil {
			return -1
		}
		if unix.Ftruncate(fd, size) != nil {
			return -1
		}
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		return fd
	}
	null, err := unix.Open("/dev/zero", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, fd := range map[string]int{
		"too short":          memfd(ringSize-int64(Size), 0, ringSeals),
		"too long":           memfd(2*ringSize, 0, ringSeals),
		"may shrink":         memfd(ringSize, 0, ringSeals&^unix.F_SEAL_SHRINK),
		"may lose its seals": memfd(ringSize, 0, ringSeals&^unix.F_SEAL_SEAL),
		"cannot be written":  memfd(ringSize, 0, ringSeals|unix.F_SEAL_FUTURE_WRITE),
		"of huge pages":      memfd((ringSize+2<<20-1)&^(2<<20-1), unix.MFD_HUGETLB|unix.MFD_HUGE_2MB, ringSeals),
		"no memory file":     null,
		"no descriptor":      -1,
	} {
		if r, err := OpenRing(fd, Learning, living); err == nil {
			t.Errorf("%s: opened", name)
			_ = r.Close()
		}
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// scribble does to a ring's file what a peer can: words and bytes of any value, at any moment.
func scribble(area []byte, random *rand.Rand) {
	if random.IntN(2) == 0 {
		word := (*uint32)(unsafe.Pointer(&area[random.IntN(8)*ringDistance]))
		values := []uint32{0, 1, 1 << 31, 1<<32 - 1, atomic.LoadUint32(word) + 1, atomic.LoadUint32(word) - 1, ringCapacity, random.Uint32()}
		atomic.StoreUint32(word, values[random.IntN(len(values))])
		return
	}
	at := random.IntN(len(area) - 100)
	for i := range 100 {
		area[at+i] = byte(random.Uint32())
	}
}

// TestRingHostile has a peer scribble in the ring while it is read and written: calls end, and no memory but what
// they were given changes.
func TestRingHostile(t *testing.T) {
	for seed := range uint64(60) {
		waiting := []Waiting{Learning, Sleeping, Spinning}[seed%3]
		a, b := ends(t, waiting, living)
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			random := rand.New(rand.NewPCG(seed, 5))
			for {
				select {
				case <-stop:
					return
				default:
					scribble(b.area, random)
					if random.IntN(100) == 0 {
						time.Sleep(time.Microsecond)
					}
				}
			}
		}()
		random := rand.New(rand.NewPCG(seed, 6))
		guarded := bytes.Repeat([]byte{0xAA}, 3*(64<<10))
		for range 20 {
			p := guarded[64<<10:][:1+random.IntN(64<<10)]
			before := bytes.Clone(guarded)
			var err error
			if random.IntN(2) == 0 {
				err = a.Write(p[:min(len(p), 40)], p, measure.Now()+2e6)
			} else if err = a.Await(measure.Now() + 2e6); err == nil {
				err = a.Read(p, measure.Now()+2e6)
				copy(before[64<<10:], p)
			}
			if !bytes.Equal(guarded, before) {
				copy(before[64<<10:], p) // a part may have come
				if !bytes.Equal(guarded, before) {
					t.Fatalf("seed %d: memory beside what was given has changed", seed)
				}
			}
			if err != nil && !errors.Is(err, ErrScribbled) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		close(stop)
		<-stopped
	}
}

// FuzzRing has a peer write any words between calls. Their moment is over, so none waits.
func FuzzRing(f *testing.F) {
	f.Add([]byte{0, 0, 255, 255, 255, 255, 9, 1, 2, 3, 4, 5, 10, 0, 0, 0, 0, 0})
	f.Add([]byte{8, 0, 0, 16, 0, 0, 1, 0, 0, 0, 0, 128, 9, 255, 255, 0, 0, 0})
	a, err := NewRing(Learning, living)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = a.Close() })
	buffer := make([]byte, 1<<16)
	f.Fuzz(func(t *testing.T, script []byte) {
		startAt(0, a, a)
		guarded := make([]byte, 3*len(buffer))
		p := guarded[len(buffer):][:len(buffer)]
		for ; len(script) >= 6; script = script[6:] {
			value := uint32(script[1]) | uint32(script[2])<<8 | uint32(script[3])<<16 | uint32(script[4])<<24
			part := p[:int(value)%len(p)]
			own := [2]uint32{a.out.own, a.in.own}
			var err error
			switch op := script[0] % 11; op {
			case 8:
				err = a.Write(part, nil, 1)
			case 9:
				err = a.Read(part, 1)
			case 10:
				if n := a.Pending(); n < 0 || n > ringCapacity {
					t.Fatalf("%d bytes are pending", n)
				}
			default:
				atomic.StoreUint32((*uint32)(unsafe.Pointer(&a.area[int(op)*ringDistance])), value)
			}
			wrote, read := a.out.own-own[0], a.in.own-own[1]
			if wrote > uint32(len(part)) || read > uint32(len(part)) || err == nil && script[0]%11 == 9 && read != uint32(len(part)) {
				t.Fatalf("%d bytes of %d written, %d read: %v", wrote, len(part), read, err)
			}
			if err != nil && !errors.Is(err, ErrScribbled) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
		for i, b := range guarded {
			if b != 0 && (i < len(buffer) || i >= 2*len(buffer)) {
				t.Fatalf("byte %d beside what was given is %d", i, b)
			}
		}
	})
}

func BenchmarkRing(b *testing.B) {
	for name, waiting := range map[string]Waiting{"learning": Learning, "sleeping": Sleeping, "spinning": Spinning} {
		for _, size := range []int{64, 4 << 10, 1 << 20, 100 << 20} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				one, other := ends(b, waiting, living)
				done := make(chan error)
				go func() {
					got, answer := make([]byte, size), make([]byte, 144)
					for range b.N {
						if err := errors.Join(other.Await(0), other.Read(got, 0), other.Write(answer, nil, 0)); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				payload, answer := make([]byte, size), make([]byte, 144)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				b.ResetTimer()
				for range b.N {
					if err := errors.Join(one.Write(payload, nil, 0), one.Await(0), one.Read(answer, 0)); err != nil {
						b.Fatal(err)
					}
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
