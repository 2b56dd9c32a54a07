package redis

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestReadBulk(t *testing.T) {
	for _, test := range []struct{ answer, value, err string }{
		{"$5\r\nhello\r\n", "hello", ""},
		{"$5\r\nhello\r\n$5\r\n", "hello", ""},
		{"$5\r\nhel", "", "unexpected EOF"},
		{"$5\r\nhello", "", "EOF"},
		{"$4\r\nhell\r\n", "", "has 4 bytes, 5 were announced"},
		{"$99999999999\r\n", "", "5 were announced"},
		{"-OOM no\r\n", "", "OOM no"},
		{"+OK\r\n", "", "no value"},
		{"$x\r\n", "", "no value"},
		{"$5\n", "", "no line of its protocol"},
		{"\r\n", "", "no line of its protocol"},
		{"", "", "EOF"},
		{strings.Repeat("x", 5000), "", "buffer full"},
	} {
		var into [5]byte
		err := readBulk(bufio.NewReader(strings.NewReader(test.answer)), into[:])
		if test.err == "" && (err != nil || string(into[:]) != test.value) {
			t.Errorf("%q is %q, %v", test.answer, into, err)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%q: error %v, want %q", test.answer, err, test.err)
		}
	}
	if err := readBulk(bufio.NewReader(strings.NewReader("$-1\r\n")), nil); !errors.Is(err, redis.Nil) {
		t.Errorf("nothing is %v", err)
	}
}

// Whatever a server answers, the memory around a value stays as it is.
func FuzzReadBulk(f *testing.F) {
	f.Add([]byte("$3\r\nabc\r\n"))
	f.Add([]byte("$-1\r\n"))
	f.Add([]byte("-ERR\r\n"))
	f.Add([]byte("*1\r\n$3\r\nabc\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		memory := bytes.Repeat([]byte{'#'}, 9)
		err := readBulk(bufio.NewReader(bytes.NewReader(answer)), memory[3:6:6])
		if string(memory[:3]) != "###" || string(memory[6:]) != "###" {
			t.Errorf("%q wrote beside the value: %q", answer, memory)
		}
		if err == nil && !bytes.Contains(answer, memory[3:6]) {
			t.Errorf("%q became %q", answer, memory[3:6])
		}
	})
}

func TestOutputLimit(t *testing.T) {
	for text, want := range map[string]int64{
		"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60": 33554432,
		"pubsub 0 0 0": 0, "normal 1 1 1": 0, "": 0, "pubsub": 0, "normal pubsub 5": 0, "pubsub x 0 0": 0,
	} {
		if got := outputLimit(text); got != want {
			t.Errorf("%q limits subscribers to %d, want %d", text, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		limits limits
		way    way
		want   string
	}{
		{limits{}, values, ""},
		{limits{value: 1000, output: 999, memory: 5000, used: 4000, evicts: "allkeys-lru"}, values, ""},
		{limits{value: 999}, values, "proto-max-bulk-len"},
		{limits{value: 999}, messages, "proto-max-bulk-len"},
		{limits{output: 999}, messages, "client-output-buffer-limit"},
		{limits{memory: 1500, used: 1000, evicts: "allkeys-lru"}, plainly, "would evict other values"},
		{limits{memory: 1500, used: 1000, evicts: "allkeys-lru"}, messages, ""},
		{limits{memory: 1500, used: 1000}, values, ""},
	} {
		err := test.limits.check(test.way, 1000)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test, err, test.want)
		}
	}
}

// A server that never answers is given up by the deadline or a little later.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	at := place{Network: TCP, Address: listener.Addr().String(), Password: "secret"}
	for name, connect := range map[string]func() error{
		"client":             func() error { _, err := connect(t.Context(), at, time.Millisecond); return err },
		"without a deadline": func() error { _, err := connect(t.Context(), at, 0); return err },
		"plain":              func() error { _, err := connectPlain(t.Context(), at, time.Millisecond); return err },
	} {
		if err := connect(); err == nil || !strings.Contains(err.Error(), "connect to redis-server at "+at.Address) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
