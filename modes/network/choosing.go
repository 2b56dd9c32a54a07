package network

import (
	"errors"

	"rrbench/transport"
	"rrbench/transport/stream"
)

// choosing writes payloads by one of two writers, into the same connection.
type choosing struct {
	transport.BySize[stream.Writer]
}

var _ stream.Awaiter = (*choosing)(nil)

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
		return &choosing{transport.BySize[stream.Writer]{Below: small, From: w, Crossover: crossover}}, nil
	}
}

func (c *choosing) Write(socket int, header, payload []byte, until int64) error {
	return c.For(len(payload)).Write(socket, header, payload, until)
}

func (c *choosing) AwaitCompletion(socket int, until int64) error {
	if awaiter, ok := c.From.(stream.Awaiter); ok {
		return awaiter.AwaitCompletion(socket, until)
	}
	return nil
}

func (c *choosing) Close() error { return errors.Join(c.Below.Close(), c.From.Close()) }
