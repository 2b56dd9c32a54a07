package network

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport/stream"
	"rrbench/transport/transporttest"
)

func mustMap(t *testing.T, size int) []byte {
	t.Helper()
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(memory) })
	payloads.Fill(memory, payloads.Bytes, 7)
	return memory
}

func mustPipe(t *testing.T) *splicing {
	t.Helper()
	s, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// What is on its way when a transfer is given up does not change any more, whatever the
// guest does to its region; the region itself, and what lies around it, keeps its content.
func TestDetach(t *testing.T) {
	for _, test := range []struct{ offset, length int }{
		{0, 4096}, {0, 100}, {100, 100}, {4000, 200}, {4095, 2}, {4096, 65536}, {1, 300_000}, {8191, 8194}, {1 << 20, 3<<20 - 1},
	} {
		for _, detached := range []bool{false, true} {
			memory := mustMap(t, 4<<20)
			before := bytes.Clone(memory)
			region := memory[test.offset : test.offset+test.length]
			pipe := mustPipe(t)
			n, err := pipe.pipe(region)
			if err != nil {
				t.Fatal(err)
			}
			if detached {
				if err := Detach(region); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(memory, before) {
					t.Errorf("%+v: the memory changed", test)
				}
			}
			clear(memory)
			late := make([]byte, n)
			for got := 0; got < n; {
				m, err := unix.Read(pipe.out, late[got:])
				if err != nil {
					t.Fatal(err)
				}
				got += m
			}
			if kept := bytes.Equal(late, before[test.offset:test.offset+n]); kept != detached {
				t.Errorf("%+v: detached %v, but the pipe's content kept: %v", test, detached, kept)
			}
		}
	}
}

// Only private pages can be exchanged; what cannot be is an error, not a silent nothing.
func TestDetachFails(t *testing.T) {
	memory := mustMap(t, 1<<16)
	if err := unix.Mlock(memory); err != nil {
		t.Skip("this process may not lock memory: ", err)
	}
	if err := Detach(memory); !errors.Is(err, unix.EINVAL) {
		t.Errorf("error is %v", err)
	}
}

func TestSplicedBytes(t *testing.T) {
	before := transporttest.Descriptors(t)
	memory := mustMap(t, 5<<20)
	header := []byte("a header of twenty-four.")
	for _, capacity := range []int{0, 4096, 1 << 16} {
		for _, test := range []struct{ offset, length int }{
			{0, 1}, {4095, 1}, {4095, 2}, {0, 4096}, {1, 4096}, {0, 1 << 20}, {1, 1 << 20}, {3, 1<<20 + 1}, {4095, 3<<20 + 5},
		} {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			s, err := newPipe()
			if err != nil {
				t.Fatal(err)
			}
			if capacity != 0 {
				if s.capacity, err = unix.FcntlInt(uintptr(s.in), unix.F_SETPIPE_SZ, capacity); err != nil {
					t.Fatal(err)
				}
			}
			payload := memory[test.offset : test.offset+test.length]
			sent := make(chan error, 1)
			go func() {
				sent <- s.Write(pair[0], header, payload, 0)
				_ = unix.Close(pair[0])
			}()
			received := os.NewFile(uintptr(pair[1]), "socket")
			got, err := io.ReadAll(received)
			if err != nil {
				t.Error(err)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if !bytes.Equal(got, append(bytes.Clone(header), payload...)) {
				t.Errorf("%+v through a pipe of %d: %d other bytes arrived", test, s.capacity, len(got))
			}
			_ = received.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	transporttest.CheckDescriptors(t, before)
}

// A peer that closes, or stops reading, ends the writing.
func TestSpliceToNobody(t *testing.T) {
	memory := mustMap(t, 32<<20)
	for name, stops := range map[string]bool{"closes": false, "stops": true} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if stops {
			timeout := unix.NsecToTimeval(int64(50 * time.Millisecond))
			if err := unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
				t.Fatal(err)
			}
		} else {
			time.AfterFunc(20*time.Millisecond, func() { _ = unix.Close(pair[1]) })
		}
		err = mustPipe(t).Write(pair[0], []byte("header"), memory, measure.Now()+int64(time.Minute))
		want := error(unix.EPIPE)
		if stops {
			want = os.ErrDeadlineExceeded
			_ = unix.Close(pair[1])
		}
		if !errors.Is(err, want) {
			t.Errorf("the peer %s: error is %v", name, err)
		}
		_ = unix.Close(pair[0])
	}
}

func TestPipeSize(t *testing.T) {
	s := mustPipe(t)
	t.Log("capacity", s.capacity, "facts", PipeFacts())
	if s.capacity < os.Getpagesize() {
		t.Errorf("capacity is %d", s.capacity)
	}
	if (PipeFacts() == nil) != (s.capacity == pipeSize) {
		t.Errorf("capacity is %d, facts are %v", s.capacity, PipeFacts())
	}
	var _ stream.Writer = s
}
