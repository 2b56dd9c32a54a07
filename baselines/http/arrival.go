package http

import (
	"context"
	"io"
	"net"
	nethttp "net/http"
)

// watermark is how many bytes of a long body must have arrived before its reader is woken,
// as of a long payload in package transport/stream. Woken by every segment, the reader of
// 100 MiB would be parked and woken 260 times instead of 20.
const watermark = 512 << 10

// connectionKey is under what a request's context has its connection.
type connectionKey struct{}

func withConnection(ctx context.Context, connection net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, connection)
}

func connectionOf(r *nethttp.Request) *accepted {
	return r.Context().Value(connectionKey{}).(*accepted)
}

// readBody fills into, which is as long as the request's body. Of a long one only the last
// bytes wake the reader as they come, where the connection can do that.
func readBody(r *nethttp.Request, into []byte) (n int, err error) {
	connection := connectionOf(r).TCPConn
	if early := len(into) - watermark; early >= watermark && setWatermark(connection, watermark) == nil {
		n, err = io.ReadFull(r.Body, into[:early])
		// The rest is as many bytes as would wake the reader, or a few less.
		if reset := setWatermark(connection, 1); err == nil {
			err = reset
		}
		if err != nil {
			return n, err
		}
	}
	rest, err := io.ReadFull(r.Body, into[n:])
	return n + rest, err
}
