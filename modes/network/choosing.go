package network

import (
	"errors"

	"rrbench/transport/stream"
)

// choosing has payloads of at least crossover bytes written by large and others by small,
// into the same connection.
type choosing struct {
	crossover int64
	small     stream.Writer
	large     stream.Writer
}

var _ stream.Settler = (*choosing)(nil)

// choose makes writers for payloads of at least crossover bytes as large makes them, and
// copying ones for others.
func choose(crossover int64, large func() (stream.Writer, error)) func() (stream.Writer, error) {
	return func() (stream.Writer, error) {
		small, err := stream.NewCopying()
		if err != nil {
			return nil, err
		}
		w, err := large()
		if err != nil {
			return nil, errors.Join(err, small.Close())
		}
		return &choosing{crossover, small, w}, nil
	}
}

func (c *choosing) Write(socket int, header, payload []byte, until int64) error {
	if int64(len(payload)) < c.crossover {
		return c.small.Write(socket, header, payload, until)
	}
	return c.large.Write(socket, header, payload, until)
}

func (c *choosing) Settle(socket int, until int64) error {
	if settler, ok := c.large.(stream.Settler); ok {
		return settler.Settle(socket, until)
	}
	return nil
}

func (c *choosing) Close() error { return errors.Join(c.small.Close(), c.large.Close()) }
