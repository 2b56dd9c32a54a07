package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"rrbench/transport"
	"rrbench/transport/stream"
)

// resolver finds payloads in a server.
type resolver struct {
	receiver
	exchange exchange
	deadline time.Duration
	// fetcher gets payloads of the source that is connected; stop has it survive the target.
	fetcher fetcher
	stop    func() bool
	// copied is as fetch has it, garbage how many bytes were copied since they were collected.
	copied  int64
	garbage int
}

var (
	_ stream.Preparer = (*resolver)(nil)
	_ stream.Sharing  = (*resolver)(nil)
)

// ForSource returns a resolver that fetches by a connection of its own.
func (r *resolver) ForSource() stream.Receiver {
	return &resolver{receiver: r.receiver, exchange: r.exchange, deadline: r.deadline}
}

func (r *resolver) Prepare(ctx context.Context, encoded []byte) error {
	var from directions
	if err := json.Unmarshal(encoded, &from); err != nil {
		return fmt.Errorf("read where the server is: %w", err)
	}
	r.Disconnected()
	f, err := r.exchange.fetcher(ctx, from, r.deadline)
	if err == nil {
		r.fetcher, r.stop = f, context.AfterFunc(ctx, func() { _ = f.Close() })
	}
	return err
}

func (r *resolver) Place(uint64) ([]byte, error) {
	return nil, errors.New("payloads come through a server, not with their announcement")
}

func (r *resolver) Resolve(n uint64, reference stream.Reference) error {
	if r.fetcher == nil {
		return errors.New("no server was named")
	}
	memory, err := r.receiver.Place(n)
	if err != nil {
		return err
	}
	if r.copied, err = r.fetcher.fetch(reference.ID, memory); err != nil {
		return errors.Join(err, r.receiver.Release())
	}
	if r.copied != 0 {
		r.garbage += len(memory)
	}
	return nil
}

// Consume tells when the payload had come into this process.
func (r *resolver) Consume(d *transport.Delivery) error {
	d.Timeline.Received = cmp.Or(r.copied, d.Timeline.CopiedIn)
	return r.receiver.Consume(d)
}

// garbageLimit is how many bytes of messages that were handled are left lying about. The
// library allocates every message, and shims of WebAssembly functions leave collecting to
// those who make garbage: between two payloads, here, the pages are still warm for the next.
const garbageLimit = 16 << 20

func (r *resolver) Release() error {
	if r.garbage >= garbageLimit {
		runtime.GC()
		r.garbage = 0
	}
	return r.receiver.Release()
}

func (r *resolver) Holds() (held bool, released uint64) { return false, 0 }

func (r *resolver) Disconnected() {
	if r.fetcher != nil {
		r.stop()
		_ = r.fetcher.Close()
	}
	r.fetcher = nil
}
