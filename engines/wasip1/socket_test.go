package wasip1

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/engines"
)

const (
	bufferAt  = 32768 // data
	addressAt = 2048  // pointer and length, then the address
	resultAt  = 3000
)

func newNetwork(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, Config{Sockets: true})
	// A mistake in a test must not hang it.
	w.system.SetDeadline(time.Now().Add(20 * time.Second))
	return w
}

// open makes a socket of the guest.
func (w *world) open(family uint64) uint64 {
	w.t.Helper()
	w.expect(0, "sock_open", family, kindStream, resultAt)
	return uint64(w.uint32(resultAt))
}

// address puts an address into memory and returns pointer and port.
func (w *world) address(text string, storage bool) (pointer, port uint64) {
	address := netip.MustParseAddrPort(text)
	bytes := address.Addr().AsSlice()
	w.put32(addressAt, addressAt+8)
	w.put32(addressAt+4, uint32(len(bytes)))
	if storage {
		family := uint16(familyIPv4)
		if address.Addr().Is6() {
			family = familyIPv6
		}
		bytes = append(binary.LittleEndian.AppendUint16(nil, family), bytes...)
		w.put32(addressAt+4, storageSize)
	}
	copy(w.bytes[addressAt+8:], bytes)
	return addressAt, uint64(address.Port())
}

func (w *world) connect(text string) uint64 {
	w.t.Helper()
	socket := w.open(familyIPv4)
	pointer, port := w.address(text, false)
	w.expect(0, "sock_connect", socket, pointer, port)
	return socket
}

// listen makes a listening socket on loopback and returns its port.
func (w *world) listen() (socket, port uint64) {
	w.t.Helper()
	socket = w.open(familyIPv4)
	pointer, none := w.address("127.0.0.1:0", true)
	w.expect(0, "sock_bind", socket, pointer, none)
	w.expect(0, "sock_listen", socket, 16)
	w.expect(0, "sock_getlocaladdr", socket, pointer, resultAt)
	return socket, uint64(w.uint32(resultAt))
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestSocketsNeedPermission(t *testing.T) {
	w := newWorld(t, Config{})
	w.expect(EACCES, "sock_open", familyIPv4, kindStream, resultAt)
}

func TestConnectSendReceive(t *testing.T) {
	listener := listen(t)
	var group sync.WaitGroup
	group.Go(func() {
		peer, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer peer.Close()
		if _, err := io.Copy(peer, peer); err != nil {
			t.Error(err)
		}
	})
	w := newNetwork(t)
	socket := w.connect(listener.Addr().String())
	copy(w.bytes[bufferAt:], "hello, world")
	w.vectors(100, bufferAt, 5, bufferAt+5, 7)
	w.expect(0, "sock_send", socket, 100, 2, 0, 50)
	if got := w.uint32(50); got != 12 {
		t.Errorf("sent %d bytes", got)
	}
	w.vectors(100, bufferAt+100, 3, bufferAt+103, 9)
	w.expect(0, "sock_recv", socket, 100, 2, receivePeek, 50, 60)
	if got := string(w.bytes[bufferAt+100:][:w.uint32(50)]); got != "hel" {
		t.Errorf("peeked %q", got)
	}
	w.expect(0, "sock_recv", socket, 100, 2, receiveAll, 50, 60)
	if got := string(w.bytes[bufferAt+100:][:w.uint32(50)]); got != "hello, world" {
		t.Errorf("received %q", got)
	}
	w.expect(0, "fd_write", socket, 100, 1, 50)
	w.expect(0, "fd_read", socket, 100, 1, 50)
	if got := string(w.bytes[bufferAt+100:][:w.uint32(50)]); got != "hel" {
		t.Errorf("read %q", got)
	}
	w.expect(0, "sock_shutdown", socket, 2)
	w.expect(0, "sock_recv", socket, 100, 1, 0, 50, 60)
	if got := w.uint32(50); got != 0 {
		t.Errorf("%d bytes after the end", got)
	}
	w.expect(EPIPE, "sock_send", socket, 100, 1, 0, 50)
	w.expect(0, "fd_close", socket)
	w.expect(EBADF, "sock_send", socket, 100, 1, 0, 50)
	group.Wait()
}

func TestListenAccept(t *testing.T) {
	for _, arity := range []int{2, 3} {
		w := newNetwork(t)
		listening, port := w.listen()
		const payload = 300_000 // more than one call takes in and more than memory has
		want := make([]byte, payload)
		rand.NewChaCha8([32]byte{1}).Read(want)
		var group sync.WaitGroup
		group.Go(func() {
			peer, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
			if err != nil {
				t.Error(err)
				return
			}
			defer peer.Close()
			if _, err := peer.Write(want); err != nil {
				t.Error(err)
			}
		})
		if arity == 2 {
			w.expect(0, "sock_accept", listening, resultAt)
		} else {
			w.expect(0, "sock_accept", listening, 0, resultAt)
		}
		socket := uint64(w.uint32(resultAt))
		var got []byte
		for {
			w.vectors(100, bufferAt, 10_000)
			w.expect(0, "sock_recv", socket, 100, 1, 0, 50, 60)
			n := w.uint32(50)
			if n == 0 {
				break
			}
			got = append(got, w.bytes[bufferAt:bufferAt+n]...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("received %d bytes, not what was sent", len(got))
		}
		group.Wait()
	}
}

func TestIPv6(t *testing.T) {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6 loopback: %v", err)
	}
	defer listener.Close()
	for _, storage := range []bool{false, true} {
		w := newNetwork(t)
		socket := w.open(familyIPv6)
		pointer, port := w.address(listener.Addr().String(), storage)
		w.expect(0, "sock_connect", socket, pointer, port)
		w.put32(addressAt+4, 16)
		w.expect(0, "sock_getpeeraddr", socket, pointer, resultAt+4, resultAt)
		if kind, got := w.uint32(resultAt+4), w.uint32(resultAt); kind != 6 || uint64(got) != port {
			t.Errorf("peer is of type %d at port %d", kind, got)
		}
		if got := netip.AddrFrom16([16]byte(w.bytes[addressAt+8:])); got != netip.IPv6Loopback() {
			t.Errorf("peer is %v", got)
		}
	}
}

func TestAddresses(t *testing.T) {
	listener := listen(t)
	port := uint64(listener.Addr().(*net.TCPAddr).Port)
	w := newNetwork(t)
	socket := w.connect(listener.Addr().String())
	pointer, _ := w.address("0.0.0.0:0", false)
	w.expect(0, "sock_getpeeraddr", socket, pointer, resultAt+4, resultAt)
	if kind, got := w.uint32(resultAt+4), w.uint32(resultAt); kind != 4 || uint64(got) != port {
		t.Errorf("peer is of type %d at port %d", kind, got)
	}
	if got := [4]byte(w.bytes[addressAt+8:]); got != [4]byte{127, 0, 0, 1} {
		t.Errorf("peer is %v", got)
	}
	w.put32(addressAt+4, storageSize)
	w.expect(0, "sock_getpeeraddr_v2", socket, pointer, resultAt)
	if got := binary.LittleEndian.Uint16(w.bytes[addressAt+8:]); got != familyIPv4 {
		t.Errorf("family is %d", got)
	}
	w.put32(addressAt+4, 3)
	w.expect(EINVAL, "sock_getpeeraddr", socket, pointer, resultAt)
	w.put32(addressAt, beyond)
	w.expect(EFAULT, "sock_getpeeraddr", socket, pointer, resultAt)
	w.expect(EFAULT, "sock_getpeeraddr", socket, beyond, resultAt)
	w.expect(EFAULT, "sock_connect", socket, beyond-3, port)
	for _, length := range []uint32{0, 5, 127, 129} {
		w.address("127.0.0.1:1", false)
		w.put32(addressAt+4, length)
		w.expect(EINVAL, "sock_bind", socket, pointer, 0)
	}
	w.address("127.0.0.1:1", true)
	binary.LittleEndian.PutUint16(w.bytes[addressAt+8:], 3)
	w.expect(EAFNOSUPPORT, "sock_bind", socket, pointer, 0)
	w.address("[::1]:1", false)
	w.expect(EAFNOSUPPORT, "sock_bind", socket, pointer, 0)
	w.address("127.0.0.1:1", false)
	w.expect(EINVAL, "sock_bind", socket, pointer, 65536)
}

func TestRefusedConnection(t *testing.T) {
	listener := listen(t)
	address := listener.Addr().String()
	listener.Close()
	w := newNetwork(t)
	socket := w.open(familyUnspecified)
	pointer, port := w.address(address, false)
	w.expect(ECONNREFUSED, "sock_connect", socket, pointer, port)
}

func TestNonblocking(t *testing.T) {
	w := newNetwork(t)
	listening, port := w.listen()
	w.expect(0, "fd_fdstat_set_flags", listening, flagNonblock)
	w.expect(EAGAIN, "sock_accept", listening, 0, resultAt)
	socket := w.open(familyIPv4)
	w.expect(0, "fd_fdstat_set_flags", socket, flagNonblock)
	pointer, _ := w.address("127.0.0.1:0", false)
	if errno := w.call("sock_connect", socket, pointer, port); errno != EINPROGRESS && errno != 0 {
		t.Fatalf("connect answers %d", errno)
	}
	w.subscribe(0, 1, tagWrite, uint32(socket), 0, 0)
	w.subscribe(1, 2, tagClock, monotonic, uint64(10*time.Second), 0)
	events, err := w.poll(2)
	if err != nil || len(events) != 1 || events[0].userdata != 1 {
		t.Fatalf("events are %v, error %v", events, err)
	}
	w.put32(60, 4)
	w.expect(0, "sock_getsockopt", socket, 0, 2, resultAt, 60)
	if got := w.uint32(resultAt); got != 0 {
		t.Errorf("the connection failed with %d", got)
	}
	w.subscribe(0, 1, tagRead, uint32(listening), 0, 0)
	if events, err := w.poll(2); err != nil || len(events) != 1 || events[0].userdata != 1 {
		t.Fatalf("events are %v, error %v", events, err)
	}
	w.expect(0, "sock_accept", listening, flagNonblock, resultAt)
	accepted := uint64(w.uint32(resultAt))
	w.expect(0, "fd_fdstat_get", accepted, 200)
	if w.bytes[200] != socketStream || w.bytes[202] != flagNonblock {
		t.Errorf("the accepted socket is of type %d with flags %d", w.bytes[200], w.bytes[202])
	}
	w.vectors(100, bufferAt, 10)
	w.expect(EAGAIN, "sock_recv", accepted, 100, 1, 0, 50, 60)
	w.expect(0, "sock_send", socket, 100, 1, 0, 50)
	w.subscribe(0, 7, tagRead, uint32(accepted), 0, 0)
	w.subscribe(1, 8, tagRead, uint32(listening), 0, 0)
	if events, err := w.poll(2); err != nil || len(events) != 1 || events[0].userdata != 7 {
		t.Fatalf("events are %v, error %v", events, err)
	}
	w.expect(0, "fd_close", socket)
	w.expect(0, "sock_recv", accepted, 100, 1, 0, 50, 60)
	if events, err := w.poll(1); err != nil || len(events) != 1 {
		t.Fatalf("events are %v, error %v", events, err)
	}
}

func TestOptions(t *testing.T) {
	w := newNetwork(t)
	socket := w.open(familyIPv4)
	w.put32(60, 4)
	w.put32(resultAt, 1)
	w.expect(0, "sock_setsockopt", socket, 0, 0, resultAt, 4)
	w.put32(resultAt, 0)
	w.expect(0, "sock_getsockopt", socket, 0, 0, resultAt, 60)
	if got := w.uint32(resultAt); got != 1 {
		t.Errorf("SO_REUSEADDR is %d", got)
	}
	w.expect(0, "sock_getsockopt", socket, 0, 1, resultAt, 4)
	if got := w.uint32(resultAt); got != kindStream {
		t.Errorf("SO_TYPE is %d", got)
	}
	w.put32(resultAt, 1<<20)
	w.expect(0, "sock_setsockopt", socket, 0, 6, resultAt, 4)
	w.expect(ENOPROTOOPT, "sock_getsockopt", socket, 1, 0, resultAt, 60)
	w.expect(ENOPROTOOPT, "sock_setsockopt", socket, 6, 1, resultAt, 4)
	w.expect(ENOPROTOOPT, "sock_setsockopt", socket, 0, 2, resultAt, 4)
	w.expect(ENOPROTOOPT, "sock_getsockopt", socket, 0, 99, resultAt, 60)
	w.put32(60, 3)
	w.expect(EINVAL, "sock_getsockopt", socket, 0, 0, resultAt, 60)
	w.expect(EINVAL, "sock_setsockopt", socket, 0, 0, resultAt, 8)
	w.expect(EFAULT, "sock_setsockopt", socket, 0, 0, beyond, 4)
	w.expect(EFAULT, "sock_getsockopt", socket, 0, 0, beyond, 4)
	w.expect(EFAULT, "sock_getsockopt", socket, 0, 0, resultAt, beyond)
}

func TestNonsense(t *testing.T) {
	w := newNetwork(t)
	w.expect(EAFNOSUPPORT, "sock_open", 3, kindStream, resultAt)
	w.expect(EPROTOTYPE, "sock_open", familyIPv4, 1, resultAt)
	w.expect(EFAULT, "sock_open", familyIPv4, kindStream, engines.PageSize-3)
	w.expect(ENOTSOCK, "sock_listen", 1, 5)
	w.expect(ENOTSOCK, "sock_send", 1, 100, 0, 0, 50)
	w.expect(EBADF, "sock_listen", 9, 5)
	w.expect(ENOSYS, "sock_getaddrinfo", 0, 0, 0, 0, 0, 0, 0, 0)
	w.expect(ENOSYS, "sock_recv_from", 0, 0, 0, 0, 0, 0, 0)
	listening, _ := w.listen()
	w.expect(EFAULT, "sock_accept", listening, 0, beyond)
	socket := w.open(familyIPv4)
	w.expect(EINVAL, "sock_accept", socket, 0, resultAt)
	w.expect(0, "sock_recv", socket, 100, 1, 0, 50, 60) // no byte asked for
	w.vectors(100, bufferAt, 10)
	w.expect(ENOTCONN, "sock_recv", socket, 100, 1, 0, 50, 60)
	w.expect(EINVAL, "sock_recv", socket, 100, 1, 4, 50, 60)
	w.expect(EFAULT, "sock_recv", socket, 100, 1, 0, beyond, 60)
	w.expect(EFAULT, "sock_recv", socket, 100, 1, 0, 50, engines.PageSize-1)
	w.expect(EINVAL, "sock_send", socket, 100, 1, 1, 50)
	w.expect(EPIPE, "sock_send", socket, 100, 1, 0, 50)
	w.expect(EINVAL, "sock_shutdown", socket, 0)
	w.expect(EINVAL, "sock_shutdown", socket, 4)
	w.expect(ENOTCONN, "sock_shutdown", socket, 3)
	w.expect(ENOTCONN, "sock_getpeeraddr", socket, addressAt, resultAt)
}

// TestWaitingEnds: whatever a guest waits for on a socket, a deadline and Close end it.
func TestWaitingEnds(t *testing.T) {
	listener := listen(t)
	for name, wait := range map[string]func(w *world) error{
		"accept": func(w *world) error {
			listening, _ := w.listen()
			_, err := w.try("sock_accept", listening, 0, resultAt)
			return err
		},
		"receive": func(w *world) error {
			socket := w.connect(listener.Addr().String())
			w.vectors(100, bufferAt, 10)
			_, err := w.try("sock_recv", socket, 100, 1, 0, 50, 60)
			return err
		},
		"send": func(w *world) error {
			socket := w.connect(listener.Addr().String())
			w.vectors(100, 0, engines.PageSize)
			for {
				if _, err := w.try("sock_send", socket, 100, 1, 0, 50); err != nil {
					return err
				}
			}
		},
		"poll": func(w *world) error {
			socket := w.connect(listener.Addr().String())
			w.subscribe(0, 1, tagRead, uint32(socket), 0, 0)
			_, err := w.poll(1)
			return err
		},
		"try again": func(w *world) error {
			socket := w.connect(listener.Addr().String())
			w.expect(0, "fd_fdstat_set_flags", socket, flagNonblock)
			w.vectors(100, bufferAt, 10)
			for {
				if errno, err := w.try("sock_recv", socket, 100, 1, 0, 50, 60); err != nil {
					return err
				} else if errno != EAGAIN {
					return errno
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newNetwork(t)
			w.system.SetDeadline(time.Now().Add(30 * time.Millisecond))
			wantError(t, wait(w), ErrDeadline)

			w = newNetwork(t)
			time.AfterFunc(30*time.Millisecond, func() { _ = w.system.Close() })
			wantError(t, wait(w), ErrClosed)
		})
	}
}

func TestBlockingConnectHasADeadline(t *testing.T) {
	// A listener whose queue is full makes a connection wait.
	w := newNetwork(t)
	full := w.open(familyIPv4)
	pointer, _ := w.address("127.0.0.1:0", false)
	w.expect(0, "sock_bind", full, pointer, 0)
	w.expect(0, "sock_listen", full, 0)
	w.expect(0, "sock_getlocaladdr", full, pointer, resultAt)
	port := uint64(w.uint32(resultAt))
	w.system.SetDeadline(time.Now().Add(50 * time.Millisecond))
	for range 5 {
		socket := w.open(familyIPv4)
		if _, err := w.try("sock_connect", socket, pointer, port); err != nil {
			wantError(t, err, ErrDeadline)
			return
		}
	}
	t.Error("a full queue takes connections")
}

func TestCloseClosesSockets(t *testing.T) {
	before := descriptors(t)
	listener := listen(t)
	for range 10 {
		w := newNetwork(t)
		w.listen()
		w.connect(listener.Addr().String())
		peer, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.system.Close(); err != nil {
			t.Fatal(err)
		}
		peer.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer reads %v", err)
		}
		peer.Close()
	}
	listener.Close()
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestDescriptorsAreBounded(t *testing.T) {
	w := newNetwork(t)
	opened := 0
	for ; opened <= maxDescriptors; opened++ {
		errno := w.call("sock_open", familyIPv4, kindStream, resultAt)
		if errno == EMFILE {
			break
		}
		if errno != 0 {
			t.Fatalf("open answers %d", errno)
		}
	}
	if opened > maxDescriptors {
		t.Errorf("%d sockets were opened", opened)
	}
	w.expect(0, "fd_close", 5)
	w.expect(0, "sock_open", familyIPv4, kindStream, resultAt)
	if got := w.uint32(resultAt); got != 5 {
		t.Errorf("the free number 5 became %d", got)
	}
}

func TestTransfersDoNotAllocate(t *testing.T) {
	listener := listen(t)
	w := newNetwork(t)
	socket := w.connect(listener.Addr().String())
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	functions := map[string]func(engines.Instance, []uint64) error{}
	for _, function := range w.system.Functions() {
		functions[function.Name] = function.Handler
	}
	w.vectors(100, bufferAt, 64)
	stack, echo := make([]uint64, 6), make([]byte, 64)
	call := func(name string, params ...uint64) {
		copy(stack, params)
		if err := functions[name](w.guest, stack); err != nil || stack[0] != 0 {
			t.Fatalf("%s answers %d, %v", name, stack[0], err)
		}
	}
	got := testing.AllocsPerRun(200, func() {
		call("sock_send", socket, 100, 1, 0, 50)
		if _, err := io.ReadFull(peer, echo); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Write(echo); err != nil {
			t.Fatal(err)
		}
		call("sock_recv", socket, 100, 1, 0, 50, 60)
	})
	if got != 0 {
		t.Errorf("a round trip allocates %g times", got)
	}
}

func TestErrnosOfTheSystem(t *testing.T) {
	if got := errnoOf(errors.New("other")); got != EIO {
		t.Errorf("an unknown error is %d", got)
	}
	if answer(nil) != nil {
		t.Error("success is an error")
	}
	for system, want := range map[unix.Errno]Errno{
		unix.EACCES: EACCES, unix.EADDRINUSE: 3, unix.EADDRNOTAVAIL: 4, unix.EAFNOSUPPORT: EAFNOSUPPORT, unix.EAGAIN: EAGAIN,
		unix.EALREADY: 7, unix.EBADF: EBADF, unix.ECANCELED: 11, unix.ECONNABORTED: 13, unix.ECONNREFUSED: ECONNREFUSED,
		unix.ECONNRESET: 15, unix.EDESTADDRREQ: 17, unix.EFAULT: EFAULT, unix.EHOSTUNREACH: 23, unix.EINPROGRESS: EINPROGRESS,
		unix.EINTR: 27, unix.EINVAL: EINVAL, unix.EISCONN: 30, unix.EMFILE: EMFILE, unix.ENFILE: EMFILE, unix.EMSGSIZE: 35,
		unix.ENETDOWN: 38, unix.ENETRESET: 39, unix.ENETUNREACH: 40, unix.ENOBUFS: 42, unix.ENOMEM: ENOMEM,
		unix.ENOPROTOOPT: ENOPROTOOPT, unix.ENOTCONN: ENOTCONN, unix.ENOTSOCK: ENOTSOCK, unix.EOPNOTSUPP: ENOTSUP,
		unix.EPERM: 63, unix.EPIPE: EPIPE, unix.EPROTONOSUPPORT: 66, unix.EPROTOTYPE: EPROTOTYPE, unix.ETIMEDOUT: 73,
		unix.ERESTART: EIO, 0: EIO,
	} {
		if got := errnoOf(system); got != want {
			t.Errorf("%v is %d, want %d", system, got, want)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
