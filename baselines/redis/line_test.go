package redis

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"rrbench/baselines/function"
)

// pipe is both ends of a line.
func pipe(t testing.TB) (a, b *line) {
	t.Helper()
	one, other := net.Pipe()
	t.Cleanup(func() {
		_ = one.Close()
		_ = other.Close()
	})
	return newLine(one, 10*time.Second), newLine(other, 10*time.Second)
}

func TestIntroduction(t *testing.T) {
	want := invitation{Server: place{Network: TCP, Address: "127.0.0.1:1", Password: "secret"}, Key: "key"}
	nonce := bytes.Repeat([]byte{7}, nonceSize)
	for _, refusal := range []string{"", "no server there"} {
		a, b := pipe(t)
		introduced := make(chan error, 1)
		go func() { introduced <- a.introduce(nonce, want) }()
		got, err := b.beIntroduced(func(n []byte) bool { return bytes.Equal(n, nonce) })
		if err != nil || got != want {
			t.Fatalf("%+v, %v", got, err)
		}
		if err := b.answer(&answer{Reply: function.Reply{Failure: refusal}}); err != nil {
			t.Fatal(err)
		}
		if err := <-introduced; (err == nil) != (refusal == "") || err != nil && err.Error() != refusal {
			t.Errorf("refused with %q: %v", refusal, err)
		}
	}
}

func TestConversation(t *testing.T) {
	a, b := pipe(t)
	want := answer{CopiedIn: 2, Reply: function.Reply{Received: 1, Delivered: 2, Consumed: 3, Length: 1 << 33, Digest: 5}}
	go func() {
		for _, failure := range []string{"", "no memory", ""} {
			length, err := b.await()
			if err != nil {
				return
			}
			reply := want
			reply.Length, reply.Failure = length, failure
			_ = b.answer(&reply)
		}
	}()
	for i, failure := range []string{"", "no memory", ""} {
		if err := a.tell(1 << 33); err != nil {
			t.Fatal(err)
		}
		reply, err := a.reply()
		if failure == "" && (err != nil || reply != want) {
			t.Errorf("%d: %+v, %v", i, reply, err)
		}
		if failure != "" && (err == nil || err.Error() != failure) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// Whatever a stranger sends, it is refused before more is read than is due.
func FuzzBeIntroduced(f *testing.F) {
	nonce := strings.Repeat("n", nonceSize)
	message := func(text string) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(nonce), uint32(len(text))), text...)
	}
	f.Add([]byte(nil))
	f.Add([]byte(nonce))
	f.Add(message(`{"server":{"network":"unix","address":"/x","password":"p"},"key":"k"}`))
	f.Add(message(`{"key":`))
	f.Add(binary.LittleEndian.AppendUint32([]byte(nonce), 1<<31))
	f.Fuzz(func(t *testing.T, sent []byte) {
		a, b := pipe(t)
		go func() {
			_, _ = a.connection.Write(sent)
			_ = a.connection.Close()
		}()
		_, err := b.beIntroduced(func(n []byte) bool { return string(n) == nonce })
		if err == nil && !strings.HasPrefix(string(sent), nonce) {
			t.Error("a stranger was let in")
		}
	})
}
