package redis

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"rrbench/transport"
)

// A line is the connection by which A's shim tells B's what to fetch, and B's answers. All
// numbers are little-endian.
//
//	A → B   nonce of the endpoint, 32 bytes
//	A → B   length u32, invitation (JSON)
//	B → A   answer: ready, or why not
//
// and for each payload
//
//	A → B   length u64: the value is there (redis and limit/redis only)
//	B → A   answer
//
// Whatever fails in between closes the line: what follows could not be told apart from what
// is late.
type line struct {
	connection net.Conn
	from       *bufio.Reader
	deadline   time.Duration
	buffer     [transport.DeliveryLimit]byte
}

func newLine(connection net.Conn, deadline time.Duration) *line {
	return &line{connection: connection, from: bufio.NewReader(connection), deadline: deadline}
}

const (
	nonceSize = 32
	// invitationLimit bounds what is read from who knows the nonce, in bytes.
	invitationLimit = 4 << 10
)

// invitation tells B's shim where the payloads will be.
type invitation struct {
	Server place `json:"server"`
	// Key is the payload's key, or the channel it is published to.
	Key string `json:"key"`
}

// bound gives the next reads and writes the deadline.
func (l *line) bound() error {
	if l.deadline <= 0 {
		return nil
	}
	return l.connection.SetDeadline(time.Now().Add(l.deadline))
}

// unbound lets the next read wait for ever.
func (l *line) unbound() error { return l.connection.SetDeadline(time.Time{}) }

// introduce opens the conversation on A's side, after which B's shim is connected.
func (l *line) introduce(nonce []byte, to invitation) error {
	if err := l.bound(); err != nil {
		return err
	}
	text, err := json.Marshal(to)
	if err != nil {
		return err
	}
	opening := binary.LittleEndian.AppendUint32(append([]byte(nil), nonce...), uint32(len(text)))
	if _, err := l.connection.Write(append(opening, text...)); err != nil {
		return err
	}
	var ready transport.Delivery
	return errors.Join(l.reply(&ready), ready.Err)
}

// beIntroduced is B's side of it up to the reply. It checks the nonce before it reads on.
func (l *line) beIntroduced(check func(nonce []byte) bool) (invitation, error) {
	if err := l.bound(); err != nil {
		return invitation{}, err
	}
	var opening [nonceSize + 4]byte
	if _, err := io.ReadFull(l.from, opening[:nonceSize]); err != nil {
		return invitation{}, err
	}
	if !check(opening[:nonceSize]) {
		return invitation{}, fmt.Errorf("the nonce is not this endpoint's")
	}
	if _, err := io.ReadFull(l.from, opening[nonceSize:]); err != nil {
		return invitation{}, err
	}
	n := binary.LittleEndian.Uint32(opening[nonceSize:])
	if n > invitationLimit {
		return invitation{}, fmt.Errorf("an invitation of %d bytes is longer than %d", n, invitationLimit)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(l.from, text); err != nil {
		return invitation{}, err
	}
	var to invitation
	if err := json.Unmarshal(text, &to); err != nil {
		return invitation{}, fmt.Errorf("invitation: %w", err)
	}
	return to, nil
}

// tell says that a value of that length is there.
func (l *line) tell(length uint64) error {
	frame := binary.LittleEndian.AppendUint64(l.buffer[:0], length)
	_, err := l.connection.Write(frame)
	return err
}

// await waits for ever for the next value.
func (l *line) await() (length uint64, err error) {
	if err := l.unbound(); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(l.from, l.buffer[:8]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(l.buffer[:]), l.bound()
}

// answer replies to A.
func (l *line) answer(d *transport.Delivery) error {
	_, err := l.connection.Write(d.AppendTo(l.buffer[:0]))
	return err
}

// reply waits for B's answer and takes it into the delivery. An error breaks the line off;
// what B failed at is in the delivery.
func (l *line) reply(d *transport.Delivery) error {
	if _, err := io.ReadFull(l.from, l.buffer[:transport.DeliverySize]); err != nil {
		return err
	}
	size, err := transport.DeliveryTextSize(l.buffer[:])
	if err != nil {
		return err
	}
	whole := l.buffer[:transport.DeliverySize+size]
	if _, err := io.ReadFull(l.from, whole[transport.DeliverySize:]); err != nil {
		return err
	}
	return d.Answer(whole)
}
