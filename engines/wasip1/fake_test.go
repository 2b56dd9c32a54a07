package wasip1

import (
	"encoding/binary"
	"errors"
	"testing"

	"rrbench/engines"
)

// guest is an instance that consists of a memory.
type guest struct{ bytes []byte }

func (g *guest) Function(string) (engines.Function, bool) { return nil, false }
func (g *guest) Memory() engines.Memory                   { return g }
func (g *guest) Close() error                             { return nil }
func (g *guest) Bytes() []byte                            { return g.bytes }
func (g *guest) Size() uint64                             { return uint64(len(g.bytes)) }

// world is a guest with its system.
type world struct {
	*guest
	t      testing.TB
	system *System
}

func newWorld(t testing.TB, config Config) *world {
	t.Helper()
	system, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{&guest{make([]byte, engines.PageSize)}, t, system}
}

// try calls a function of the system; a call without result answers 0.
func (w *world) try(name string, params ...uint64) (Errno, error) {
	w.t.Helper()
	for _, function := range w.system.Functions() {
		if function.Name != name || len(function.Params) != len(params) {
			continue
		}
		stack := make([]uint64, function.Slots())
		copy(stack, params)
		err := function.Handler(w.guest, stack)
		if len(stack) == 0 || err != nil {
			return 0, err
		}
		return Errno(stack[0]), nil
	}
	w.t.Fatalf("there is no %s with %d parameters", name, len(params))
	return 0, nil
}

func (w *world) call(name string, params ...uint64) Errno {
	w.t.Helper()
	errno, err := w.try(name, params...)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return errno
}

// expect calls and compares the answer.
func (w *world) expect(want Errno, name string, params ...uint64) {
	w.t.Helper()
	if got := w.call(name, params...); got != want {
		w.t.Errorf("%s%v answers %d, want %d", name, params, got, want)
	}
}

func (w *world) uint32(pointer uint64) uint32 { return binary.LittleEndian.Uint32(w.bytes[pointer:]) }
func (w *world) uint64(pointer uint64) uint64 { return binary.LittleEndian.Uint64(w.bytes[pointer:]) }
func (w *world) put32(pointer uint64, value uint32) {
	binary.LittleEndian.PutUint32(w.bytes[pointer:], value)
}
func (w *world) put64(pointer, value uint64) { binary.LittleEndian.PutUint64(w.bytes[pointer:], value) }

// vectors writes an array of vectors, given as pointer and length in turn.
func (w *world) vectors(pointer uint64, values ...uint32) {
	for i, value := range values {
		w.put32(pointer+uint64(4*i), value)
	}
}

// subscribe writes a subscription.
func (w *world) subscribe(place uint64, userdata uint64, tag byte, id uint32, timeout uint64, flags uint16) {
	const array = 4096
	at := array + place*subscriptionSize
	clear(w.bytes[at : at+subscriptionSize])
	w.put64(at, userdata)
	w.bytes[at+8] = tag
	w.put32(at+16, id)
	w.put64(at+24, timeout)
	binary.LittleEndian.PutUint16(w.bytes[at+40:], flags)
}

type event struct {
	userdata uint64
	errno    Errno
	tag      byte
	flags    uint16
}

// poll waits for the first count subscriptions.
func (w *world) poll(count uint64) ([]event, error) {
	const in, out, number = 4096, 16384, 4000
	errno, err := w.try("poll_oneoff", in, out, count, number)
	if err != nil {
		return nil, err
	}
	if errno != 0 {
		return nil, errno
	}
	var events []event
	for i := range uint64(w.uint32(number)) {
		at := w.bytes[out+i*eventSize:]
		events = append(events, event{
			binary.LittleEndian.Uint64(at), Errno(binary.LittleEndian.Uint16(at[8:])), at[10], binary.LittleEndian.Uint16(at[24:]),
		})
	}
	return events, nil
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}
