// Package control is the conversation between a shim and the function that it has put into
// a container. It runs over one end of a socket pair each, and never carries a payload.
//
// The shim speaks, the function answers, one request at a time. The first request, Begin,
// makes the function a source or a target. When the shim's end closes, the function ends:
// that is how a container dies with its shim, however the shim dies.
//
// A message is its length in 4 bytes, little-endian, and that many bytes. Begin and its
// answer are JSON; what is said for every hand-off is binary, so that the function spends
// nothing on it that would show in its CPU time.
package control

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Descriptor is where a function finds its end: the first after standard input, output and
// error.
const Descriptor = 3

// RemoveBundle is the function program's only argument but for the path after it: instead
// of being a function, it removes the bundle of a container that has ended.
const RemoveBundle = "remove-bundle"

// longest bounds a message, in bytes: a thousand targets, each with an error to tell.
const longest = 4 << 20

// Connection is one end of the conversation. It is used by one goroutine at a time;
// Interrupt and Close may be called by another.
type Connection struct {
	socket socket
	buffer []byte
}

// Within bounds every wait for the other side from now on; zero is no bound. A wait that
// took longer is os.ErrDeadlineExceeded, and the connection is of no use any more.
func (c *Connection) Within(patience time.Duration) error { return c.socket.within(patience) }

// Interrupt ends the conversation at once, with io.EOF for both sides.
func (c *Connection) Interrupt() { c.socket.interrupt() }

// Close interrupts and releases the connection.
func (c *Connection) Close() error { return c.socket.close() }

// write sends the message that lies in c.buffer behind room for its length.
func (c *Connection) write() error {
	body := len(c.buffer) - lengthBytes
	if body > longest {
		return fmt.Errorf("control message of %d bytes: at most %d", body, longest)
	}
	binary.LittleEndian.PutUint32(c.buffer, uint32(body))
	_, err := c.socket.Write(c.buffer)
	return err
}

const lengthBytes = 4

// begin empties the buffer, leaving room for the length.
func (c *Connection) begin() { c.buffer = append(c.buffer[:0], make([]byte, lengthBytes)...) }

// read receives a message; the result is valid until the next call of any method.
func (c *Connection) read() ([]byte, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(&c.socket, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n > longest {
		return nil, fmt.Errorf("control message of %d bytes: at most %d", n, longest)
	}
	if uint32(cap(c.buffer)) < n {
		c.buffer = make([]byte, n)
	}
	c.buffer = c.buffer[:n]
	if _, err := io.ReadFull(&c.socket, c.buffer); err != nil {
		return nil, fmt.Errorf("control message is cut short: %w", err)
	}
	return c.buffer, nil
}

func (c *Connection) writeJSON(message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	c.begin()
	c.buffer = append(c.buffer, body...)
	return c.write()
}

func (c *Connection) readJSON(message any) error {
	body, err := c.read()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, message)
}

// Begin makes a function what it is to be.
type Begin struct {
	Setup transport.Setup
	// Listen is the TCP address that a target listens on. A source has none.
	Listen string `json:",omitempty"`
	// Targets are what a source opens its route to. A target has none.
	Targets []transport.Endpoint `json:",omitempty"`
}

// Begun is the answer to Begin.
type Begun struct {
	// Revision is the commit that the function's program was built from, where known.
	Revision string
	// Endpoint is a target's, as the function itself sees it.
	Endpoint transport.Endpoint
	// Err says why the function could not begin.
	Err string `json:",omitempty"`
}

// Begin asks the function to begin, and returns what it answered.
func (c *Connection) Begin(request Begin) (Begun, error) {
	var answer Begun
	if err := c.writeJSON(request); err != nil {
		return answer, err
	}
	if err := c.readJSON(&answer); err != nil {
		return answer, err
	}
	if answer.Err != "" {
		return answer, &FunctionError{answer.Err}
	}
	return answer, nil
}

// Prepare asks a source to make a payload and returns its digest.
func (c *Connection) Prepare(spec payloads.Spec) (digest uint64, err error) {
	c.begin()
	c.buffer = appendPrepare(c.buffer, spec)
	if err := c.write(); err != nil {
		return 0, err
	}
	body, err := c.read()
	if err != nil {
		return 0, err
	}
	d := decoder{rest: body}
	digest = d.uint64()
	return digest, d.finish()
}

// Send asks a source to hand its payload over and fills handoff in. Usage is what the
// source's process has used for that.
func (c *Connection) Send(handoff *transport.Handoff) (usage measure.Usage, err error) {
	c.begin()
	c.buffer = append(c.buffer, opSend)
	if err := c.write(); err != nil {
		return usage, err
	}
	body, err := c.read()
	if err != nil {
		return usage, err
	}
	return decodeHandoff(body, handoff)
}

// Memory asks for the peaks of the function's process.
func (c *Connection) Memory() (measure.Memory, error) {
	c.begin()
	c.buffer = append(c.buffer, opMemory)
	var memory measure.Memory
	if err := c.write(); err != nil {
		return memory, err
	}
	body, err := c.read()
	if err != nil {
		return memory, err
	}
	d := decoder{rest: body}
	memory.RSSPeak, memory.PSSPeak = d.int64(), d.int64()
	return memory, d.finish()
}

// Function is what answers a shim's requests, in the container.
type Function interface {
	// Begin is called once and first. It returns the endpoint of a target.
	Begin(Begin) (Begun, error)
	// Prepare and Send are a source's; see transport.Route.
	Prepare(payloads.Spec) (digest uint64, err error)
	Send(*transport.Handoff) error
}

// Answer answers requests until the shim is gone, which is io.EOF, or says what no shim
// says.
func (c *Connection) Answer(f Function) error {
	var request Begin
	if err := c.readJSON(&request); err != nil {
		return err
	}
	answer, err := f.Begin(request)
	if err != nil {
		answer.Err = err.Error()
	}
	if err := c.writeJSON(answer); err != nil {
		return err
	}
	meter := measure.NewMeter()
	handoff := transport.Handoff{Deliveries: make([]transport.Delivery, len(request.Targets))}
	for {
		body, err := c.read()
		if err != nil {
			return err
		}
		if err := c.answer(f, body, meter, &handoff); err != nil {
			return err
		}
	}
}

func (c *Connection) answer(f Function, body []byte, meter *measure.Meter, handoff *transport.Handoff) error {
	d := decoder{rest: body}
	switch op := d.byte(); op {
	case opPrepare:
		spec := d.spec()
		if err := d.end(); err != nil {
			return err
		}
		digest, err := f.Prepare(spec)
		c.begin()
		c.buffer = appendError(binary.LittleEndian.AppendUint64(c.buffer, digest), err)
	case opSend:
		if err := d.end(); err != nil {
			return err
		}
		meter.Take()
		err := f.Send(handoff)
		c.begin()
		c.buffer = appendHandoff(c.buffer, handoff, meter.Take(), err)
	case opMemory:
		if err := d.end(); err != nil {
			return err
		}
		memory, err := measure.SelfMemory()
		c.begin()
		c.buffer = appendInts(c.buffer, memory.RSSPeak, memory.PSSPeak)
		c.buffer = appendError(c.buffer, err)
	default:
		return fmt.Errorf("control message %d: no such request", op)
	}
	return c.write()
}
