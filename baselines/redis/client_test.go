package redis

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"rrbench/transport"
)

func TestOutputLimit(t *testing.T) {
	for text, want := range map[string]int64{
		"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60": 33554432,
		"pubsub 0 0 0": 0, "normal 1 1 1": 0, "": 0, "pubsub": 0, "pubsub x 0 0": 0,
	} {
		if got := outputLimit(text); got != want {
			t.Errorf("%q limits subscribers to %d, want %d", text, got, want)
		}
	}
}

func TestCapacity(t *testing.T) {
	for _, test := range []struct {
		holds   capacity
		message bool
		want    string
	}{
		{capacity{}, false, ""},
		{capacity{value: 1000, output: 999, memory: 5000, used: 4000, evicts: "allkeys-lru"}, false, ""},
		{capacity{value: 999}, false, "proto-max-bulk-len"},
		{capacity{value: 999}, true, "proto-max-bulk-len"},
		{capacity{output: 999}, true, "client-output-buffer-limit"},
		{capacity{memory: 1500, used: 1000, evicts: "allkeys-lru"}, false, "would evict other values"},
		{capacity{memory: 1500, used: 1000, evicts: "allkeys-lru"}, true, ""},
		{capacity{memory: 1500, used: 1000}, false, ""},
		{capacity{memory: 1500, used: 1000, evicts: "noeviction"}, false, ""},
	} {
		err := test.holds.check(1000, test.message)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test, err, test.want)
		}
	}
}

func encode(t *testing.T, d directions) []byte {
	t.Helper()
	encoded, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// A value or message of another length than was announced is not taken for the payload, and
// leaves the memory beside its place as it was.
func TestLengthsDiffer(t *testing.T) {
	o := startOwn(t, overUnix)
	for _, messages := range []bool{false, true} {
		for _, sent := range []string{"", "ab", "abcd", strings.Repeat("a", 1<<20)} {
			target := resolver{messages: messages, deadline: time.Minute}
			if err := target.Prepare(t.Context(), encode(t, directions{o.url, "key"})); err != nil {
				t.Fatal(err)
			}
			o.ask(t, "SET", "key", sent)
			o.ask(t, "PUBLISH", "key", sent)
			memory := []byte("#########")
			if err := target.fetch(1, memory[3:6:6]); err == nil {
				t.Errorf("messages %t: %d bytes became %q", messages, len(sent), memory[3:6])
			}
			if string(memory[:3]) != "###" || string(memory[6:]) != "###" {
				t.Errorf("messages %t: %d bytes wrote beside their place: %q", messages, len(sent), memory)
			}
			target.Disconnected()
		}
	}
}

// Messages that a target had no place for are skipped.
func TestMessagesAreSkipped(t *testing.T) {
	o := startOwn(t, overUnix)
	target := resolver{messages: true, deadline: time.Minute}
	if err := target.Prepare(t.Context(), encode(t, directions{o.url, "key"})); err != nil {
		t.Fatal(err)
	}
	defer target.Disconnected()
	for _, sent := range []string{"a", "long", "b", "long", "long", "c"} {
		o.ask(t, "PUBLISH", "key", sent)
	}
	var into [1]byte
	for _, test := range []struct {
		id   uint64
		want string
	}{{1, "a"}, {3, "b"}, {6, "c"}} {
		if err := target.fetch(test.id, into[:]); err != nil || target.received == 0 || string(into[:]) != test.want {
			t.Errorf("message %d is %q, %v", test.id, into, err)
		}
	}
}

// Waiting for a server that never answers ends.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", transport.Loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	for _, messages := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		target := resolver{messages: messages, deadline: time.Hour}
		err := target.Prepare(ctx, encode(t, directions{"redis://:secret@" + address, "key"}))
		cancel()
		if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "longer deadline") {
			t.Error(err)
		}
	}
}

// observed counts the bytes that are written from, or read into, memory straight.
type observed struct {
	net.Conn
	memory   []byte
	straight int
}

func (o *observed) note(p []byte, n int) {
	at, first := uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(unsafe.Pointer(unsafe.SliceData(o.memory)))
	if at >= first && at < first+uintptr(len(o.memory)) {
		o.straight += n
	}
}

func (o *observed) Write(p []byte) (int, error) {
	n, err := o.Conn.Write(p)
	o.note(p, n)
	return n, err
}

func (o *observed) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	o.note(p, n)
	return n, err
}

// But for what passes through its buffers of 32 KiB, at the beginning and the end, the library has no
// copy of a value.
func TestValueIsNotCopied(t *testing.T) {
	o := startOwn(t, overUnix)
	value := make([]byte, 4<<20)
	conn := &observed{memory: value}
	library, err := newClient(o.url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer library.Close()
	dial := library.Options().Dialer
	library.Options().Dialer = func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		conn.Conn, err = dial(ctx, network, address)
		return conn, err
	}
	for name, do := range map[string]func() error{
		"SET": func() error { return library.Set(t.Context(), "key", value, time.Minute).Err() },
		"GET": func() error { return library.GetToBuffer(t.Context(), "value", value).Err() },
	} {
		o.ask(t, "SET", "value", strings.Repeat("x", len(value)))
		conn.straight = 0
		if err := do(); err != nil || conn.straight < len(value)-64<<10 {
			t.Errorf("%s moves %d of %d bytes straight, %v", name, conn.straight, len(value), err)
		}
	}
}
