// Package limits measures what the machine itself reaches, in the same runs and the same
// way as the transports: bytes go from one warm buffer to another by the plainest means,
// with no function on either side. What a transport loses against its limit is what it
// adds to the machine. They use what the transports use: memory, sockets, writers, readers.
//
//   - limit/memcpy: one process copies from one buffer to another.
//   - limit/mremap: one process moves the pages of one buffer to another place.
//   - limit/window: the same, with the aligned GiB around the pages, which moves as one.
//   - limit/unix: two processes, write(2) and read(2) over a Unix stream socket.
//   - limit/descriptor: the payload is in a memory file whose descriptor goes over a Unix
//     socket once (SCM_RIGHTS); the receiver has mapped it and reads it there.
//   - limit/cma: the receiver copies out of the sender's process, process_vm_readv(2).
//   - limit/ring: two processes share a ring in a memory file; the receiver sleeps on a futex.
//   - limit/spin: the same, and the receiver spins.
//   - limit/tcp: write(2) and read(2) over TCP.
//   - limit/splice: the pages are spliced through a pipe to TCP, and read there.
//
// The digest that stands for a handler is native, and every delivery is verified like any
// other.
package limits

import (
	"errors"
	"fmt"

	"rrbench/memory"
	"rrbench/modes/kernel"
	"rrbench/modes/network"
	"rrbench/modes/sockets"
	"rrbench/payloads"
	"rrbench/transport"
)

// All are the limits, in display order.
func All() []transport.Transport {
	return []transport.Transport{
		&memoryLimit{limit{"limit/memcpy", "no function: memcpy from one warm buffer to another", 1}, false, false},
		&memoryLimit{limit{"limit/mremap", "no function: warm pages move from one place to another", 2}, true, false},
		&memoryLimit{limit{"limit/window", "no function: warm pages move from one place to another, 1 GiB at once", 10}, true, true},
		&socket{limit: limit{"limit/unix", "no function: write and read over a Unix stream socket", 3}},
		&socket{
			limit: limit{"limit/descriptor", "no function: references to a memory file over a Unix socket, read where it is mapped", 4},
			// Less moving pages into and out of functions' memories.
			like:        kernel.NewMemfd(),
			newRoom:     func() room { return &file{} },
			newReferrer: func(from room, _ []int) (sockets.Referrer, error) { return describe(from.(*file)), nil },
			newResolver: func(r *Receiver) sockets.Resolver { return &mapper{Receiver: r} },
		},
		&socket{
			limit:       limit{"limit/cma", "no function: one process reads another's memory with process_vm_readv", 5},
			like:        kernel.NewCMA(),
			newReferrer: func(_ room, processes []int) (sockets.Referrer, error) { return kernel.NewRemoteRead(processes) },
			newResolver: func(r *Receiver) sockets.Resolver { return &reader{Receiver: r} },
		},
		&socket{
			limit: limit{"limit/ring", "no function: a ring in shared memory, receivers sleep until something comes", 11},
			like:  kernel.NewRing(),
			ring:  memory.Sleeping,
		},
		&socket{
			limit: limit{"limit/spin", "no function: a ring in shared memory, receivers spin until something comes", 12},
			like:  kernel.NewRing(),
			ring:  memory.Spinning,
		},
		&socket{limit: limit{"limit/tcp", "no function: write and read over TCP", 6}, network: true},
		&socket{
			limit:     limit{"limit/splice", "no function: warm pages spliced through a pipe to TCP, read as limit/tcp does", 7},
			network:   true,
			newWriter: network.NewSplicing,
			detach:    network.Detach,
			facts:     network.PipeFacts,
		},
	}
}

// limit is what describes each.
type limit struct {
	name, summary string
	place         int
}

func (l *limit) info(hosting transport.Hosting) transport.Info {
	return transport.Info{
		Name:            l.name,
		Summary:         l.summary,
		Family:          transport.Limit,
		Place:           l.place,
		Hosting:         hosting,
		Runs:            transport.NoFunction,
		Codecs:          []transport.Codec{transport.None},
		CopiesPerTarget: 1,
		CopiesAtSource:  1,
	}
}

// Source is the warm memory that a limit sends from.
type Source struct {
	room room
	// prepared is the payload, nil for none.
	prepared []byte
	writes   bool
	carry    sockets.Carrier
}

var (
	_ sockets.Source     = (*Source)(nil)
	_ transport.Recycler = (*Source)(nil)
)

// NewSource makes one with memory for payloads of setup.Size bytes. What it sends goes to carry.
func NewSource(setup transport.Setup, carry sockets.Carrier) (*Source, error) {
	return newSource(setup, &buffer{}, carry)
}

func newSource(setup transport.Setup, in room, carry sockets.Carrier) (*Source, error) {
	s := &Source{room: in, writes: setup.Consume == transport.ConsumeWrite, carry: carry}
	return s, s.Recycle(setup.Size)
}

// Prepare fills the memory.
func (s *Source) Prepare(spec payloads.Spec) (err error) {
	if spec.Size < 1 {
		return fmt.Errorf("a payload of %d bytes cannot be sent", spec.Size)
	}
	if s.prepared, err = s.room.take(spec.Size); err != nil {
		return err
	}
	payloads.Fill(s.prepared, spec.Kind, spec.Seed)
	return nil
}

// Rehearse fills the memory and handles what is there.
func (s *Source) Rehearse(spec payloads.Spec) error {
	if err := s.Prepare(spec); err != nil {
		return err
	}
	handle(s.prepared, s.writes)
	return nil
}

// Send gives the payload to the carrier.
func (s *Source) Send() error {
	if s.prepared == nil {
		return errNothing
	}
	return s.carry(nil, s.prepared)
}

var errNothing = errors.New("nothing was prepared")

// Recycle makes memory for a payload of that size.
func (s *Source) Recycle(size int64) error {
	_, err := s.room.take(max(size, 1))
	return err
}

// Close frees the memory.
func (s *Source) Close() error {
	s.prepared = nil
	return s.room.free()
}

// handle stands for a target's handler: it reads every byte, and may change every page.
func handle(payload []byte, writes bool) (digest uint64) {
	digest = payloads.Digest(payload)
	if writes {
		payloads.Rewrite(payload)
	}
	return digest
}
