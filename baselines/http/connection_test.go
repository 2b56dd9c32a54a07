package http

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// counting is a connection's other end that knows how it was written to.
type counting struct {
	bytes.Buffer
	calls int
}

func (c *counting) Write(p []byte) (int, error) {
	c.calls++
	return c.Buffer.Write(p)
}

func TestBodyIsWrittenAtOnce(t *testing.T) {
	data := bytes.Repeat([]byte("words"), 100_000)
	b := newBody()
	b.open(data)
	head := make([]byte, 100)
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	var to counting
	if n, err := b.WriteTo(&to); err != nil || n != int64(len(data)-len(head)) {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
	if to.calls != 1 || !bytes.Equal(append(head, to.Bytes()...), data) {
		t.Errorf("%d calls", to.calls)
	}
	if n, err := b.WriteTo(&to); n != 0 || err != nil || to.calls != 1 {
		t.Errorf("an empty body wrote %d bytes, %v", n, err)
	}
	if n, err := b.Read(head); n != 0 || err != io.EOF {
		t.Errorf("an empty body read %d bytes, %v", n, err)
	}
	for range 3 {
		_ = b.Close()
	}
	b.wait()
}

// A body that has more than its limit, and what is no body, take the ordinary way.
func TestWholeWriterKeepsLimits(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan []byte)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			close(received)
			return
		}
		defer connection.Close()
		all, _ := io.ReadAll(connection)
		received <- all
	}()
	connection, err := dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b := newBody()
	b.open([]byte("0123456789"))
	for _, from := range []io.Reader{
		io.LimitReader(b, 3),
		&io.LimitedReader{R: b, N: 100},
		bytes.NewReader([]byte("abc")),
		io.LimitReader(bytes.NewReader([]byte("defghi")), 3),
	} {
		if _, err := io.Copy(connection, from); err != nil {
			t.Error(err)
		}
		if limited, ok := from.(*io.LimitedReader); ok && limited.N == 100 {
			t.Error("the limit does not know what was written")
		}
	}
	_ = connection.Close()
	if got := <-received; string(got) != "0123456789abcdef" {
		t.Errorf("received %q", got)
	}
}
