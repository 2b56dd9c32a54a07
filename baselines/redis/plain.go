package redis

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// plain is a client that knows SET and GET and does nothing else: what the protocol itself
// takes (https://redis.io/docs/latest/develop/reference/protocol-spec/). It allocates
// nothing for a command.
type plain struct {
	connection net.Conn
	from       *bufio.Reader
	deadline   time.Duration
	// header is the memory for what surrounds a value.
	header, trailer []byte
	parts           [3][]byte
	buffers         net.Buffers
}

// refusal is an error that the server has answered.
type refusal string

func (r refusal) Error() string { return string(r) }

func connectPlain(ctx context.Context, at place, deadline time.Duration) (*plain, error) {
	ctx, cancel := context.WithTimeout(ctx, max(deadline, connectPatience))
	defer cancel()
	connection, err := dial(ctx, string(at.Network), at.Address)
	if err != nil {
		return nil, explain("connect to redis-server at "+at.Address, err)
	}
	p := &plain{connection: connection, from: bufio.NewReader(connection), deadline: deadline}
	if err := p.enter(at); err != nil {
		return nil, errors.Join(explain("connect to redis-server at "+at.Address, err), p.Close())
	}
	return p, nil
}

// enter makes the server known what it wants to know first.
func (p *plain) enter(at place) error {
	if at.Password != "" {
		words := []string{"AUTH", at.Username, at.Password}
		if at.Username == "" {
			words = []string{"AUTH", at.Password}
		}
		if err := p.order(words...); err != nil {
			return err
		}
	}
	if at.Database != 0 {
		return p.order("SELECT", strconv.Itoa(at.Database))
	}
	return nil
}

// order sends a command whose answer is one line.
func (p *plain) order(words ...string) error {
	if err := p.bound(); err != nil {
		return err
	}
	p.header = appendCommand(p.header[:0], words...)
	if _, err := p.connection.Write(p.header); err != nil {
		return err
	}
	_, err := readLine(p.from)
	return err
}

func appendCommand(to []byte, words ...string) []byte {
	to = append(to, '*')
	to = strconv.AppendInt(to, int64(len(words)), 10)
	to = append(to, "\r\n"...)
	for _, word := range words {
		to = appendBulk(to, len(word))
		to = append(to, word...)
		to = append(to, "\r\n"...)
	}
	return to
}

func appendBulk(to []byte, length int) []byte {
	to = append(to, '$')
	to = strconv.AppendInt(to, int64(length), 10)
	return append(to, "\r\n"...)
}

// readLine reads the first line of an answer, which stays valid until the next read. An
// error of the server's is a refusal.
func readLine(from *bufio.Reader) ([]byte, error) {
	line, err := from.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	line, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if !whole || len(line) == 0 {
		return nil, fmt.Errorf("the server answers %.40q, which is no line of its protocol", line)
	}
	if line[0] == '-' {
		return nil, refusal(line[1:])
	}
	return line, nil
}

// readBulk reads a value of exactly len(into) bytes.
func readBulk(from *bufio.Reader, into []byte) error {
	line, err := readLine(from)
	if err != nil {
		return err
	}
	if string(line) == "$-1" {
		return redis.Nil
	}
	length, err := strconv.ParseInt(string(line[1:]), 10, 64)
	if line[0] != '$' || err != nil {
		return fmt.Errorf("the server answers %.40q, which is no value", line)
	}
	if length != int64(len(into)) {
		return fmt.Errorf("the value has %d bytes, %d were announced", length, len(into))
	}
	if _, err := io.ReadFull(from, into); err != nil {
		return err
	}
	_, err = from.Discard(len("\r\n"))
	return err
}

// bound gives the command that follows its deadline.
func (p *plain) bound() error {
	if p.deadline <= 0 {
		return nil
	}
	return p.connection.SetDeadline(time.Now().Add(p.deadline))
}

// set stores a value that expires. It leaves in one writev(2) if the socket takes it.
func (p *plain) set(key string, value []byte, lifetime time.Duration) error {
	if err := p.bound(); err != nil {
		return err
	}
	p.header = append(p.header[:0], "*5\r\n$3\r\nSET\r\n"...)
	p.header = append(append(appendBulk(p.header, len(key)), key...), "\r\n"...)
	p.header = appendBulk(p.header, len(value))
	var number [20]byte
	digits := strconv.AppendInt(number[:0], lifetime.Milliseconds(), 10)
	p.trailer = append(p.trailer[:0], "\r\n$2\r\nPX\r\n"...)
	p.trailer = append(append(appendBulk(p.trailer, len(digits)), digits...), "\r\n"...)
	p.parts = [3][]byte{p.header, value, p.trailer}
	p.buffers = p.parts[:]
	if _, err := p.buffers.WriteTo(p.connection); err != nil {
		return err
	}
	_, err := readLine(p.from)
	return err
}

// get fills into with a value of that length.
func (p *plain) get(key string, into []byte) error {
	if err := p.bound(); err != nil {
		return err
	}
	p.header = append(p.header[:0], "*2\r\n$3\r\nGET\r\n"...)
	p.header = append(append(appendBulk(p.header, len(key)), key...), "\r\n"...)
	if _, err := p.connection.Write(p.header); err != nil {
		return err
	}
	return readBulk(p.from, into)
}

func (p *plain) Close() error { return p.connection.Close() }
