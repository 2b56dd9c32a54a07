//go:build linux

package offset

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure"
)

// Cookie is the secret by which the two sides of an exchange know one another's packets.
type Cookie [16]byte

// NewCookie makes one.
func NewCookie() (c Cookie) {
	_, _ = rand.Read(c[:]) // never fails, see crypto/rand
	return c
}

// A packet is the cookie, the number of the question, and in an answer t2 and t3, in little-endian
// numbers. Both kinds are as long, so that nothing is amplified.
const packetSize = len(Cookie{}) + 3*8

const (
	// exchanges is how many a series has, and more until its bound is narrow, but for seriesTime, in
	// which leastExchanges must be answered: where processors are busy, most of them are late.
	exchanges      = 64
	narrow         = int64(15 * time.Microsecond)
	leastExchanges = 3
	seriesTime     = 250 * time.Millisecond
	// timeout is how long an answer is waited for, lastMoment when a series without enough of them
	// is given up.
	timeout    = 100 * time.Millisecond
	lastMoment = 3 * time.Second
	// spin is how long a side looks for a packet before it sleeps: waking up would take part in
	// the time.
	spin = 300 * time.Microsecond
)

// Respond answers the questions that come to a socket until that is closed. Packets without the
// cookie are dropped.
func Respond(socket *net.UDPConn, cookie Cookie) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	for {
		packet, from, at, err := receive(raw)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("answer questions for the clock: %w", err)
		}
		if len(packet) != packetSize || subtle.ConstantTimeCompare(packet[:len(cookie)], cookie[:]) != 1 {
			continue
		}
		numbers := packet[len(cookie):]
		binary.LittleEndian.PutUint64(numbers[8:], uint64(at))
		binary.LittleEndian.PutUint64(numbers[16:], uint64(measure.Now()))
		_ = raw.Write(func(fd uintptr) bool {
			// A packet that cannot be sent is one that was lost.
			_ = unix.Sendto(int(fd), packet, unix.MSG_DONTWAIT, from)
			return true
		})
	}
}

// receive waits for a packet and returns it with the moment of its arrival. Of a packet that is too long it reads one
// byte too many.
func receive(raw syscall.RawConn) (packet []byte, from unix.Sockaddr, at int64, err error) {
	packet = make([]byte, packetSize+1)
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for until := measure.Now() + int64(spin); ; {
			n, from, failed = unix.Recvfrom(int(fd), packet, unix.MSG_DONTWAIT)
			at = measure.Now()
			switch {
			case failed == nil:
				return true
			case failed == unix.EAGAIN || failed == unix.EINTR:
				if at > until {
					return false
				}
			case failed == unix.ECONNREFUSED: // of an earlier packet
			default:
				return true
			}
		}
	})
	if err == nil {
		err = failed
	}
	return packet[:max(n, 0)], from, at, err
}

// Measure asks over a socket that is connected to a responder.
func Measure(ctx context.Context, socket *net.UDPConn, cookie Cookie) (Estimate, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return Estimate{}, err
	}
	best := Estimate{Bound: math.MaxInt64}
	answered, began := 0, time.Now()
	for number := uint64(1); answered < exchanges || best.Bound > narrow; number++ {
		took := time.Since(began)
		if took > seriesTime && answered >= leastExchanges || took > lastMoment {
			break
		}
		if err := ctx.Err(); err != nil {
			return Estimate{}, context.Cause(ctx)
		}
		e, err := exchange(socket, raw, cookie, number)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue // it was lost
		}
		if err != nil {
			return Estimate{}, fmt.Errorf("ask for the clock at %v: %w", socket.RemoteAddr(), err)
		}
		answered++
		if e.Bound < best.Bound {
			best = e
		}
	}
	if answered < leastExchanges {
		return Estimate{}, fmt.Errorf("the clock at %v (UDP) did not answer within %v: let its packets through", socket.RemoteAddr(), lastMoment)
	}
	return best, nil
}

func exchange(socket *net.UDPConn, raw syscall.RawConn, cookie Cookie, number uint64) (Estimate, error) {
	packet := make([]byte, packetSize)
	copy(packet, cookie[:])
	binary.LittleEndian.PutUint64(packet[len(cookie):], number)
	if err := socket.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return Estimate{}, err
	}
	t1 := measure.Now()
	if _, err := socket.Write(packet); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
		return Estimate{}, err
	}
	for {
		answer, _, t4, err := receive(raw)
		if err != nil {
			return Estimate{}, err
		}
		if len(answer) != packetSize || subtle.ConstantTimeCompare(answer[:len(cookie)+8], packet[:len(cookie)+8]) != 1 {
			continue // it is of another question
		}
		field := func(i int) int64 { return int64(binary.LittleEndian.Uint64(answer[len(cookie)+8*i:])) }
		t2, t3 := field(1), field(2)
		way := (t4 - t1) - (t3 - t2)
		if t3 < t2 || way < 0 {
			return Estimate{}, fmt.Errorf("an answer says that it was there from %d to %d", t2, t3)
		}
		// Halved one by one: their sum may be too large.
		offset := (t2-t1)/2 + (t3-t4)/2
		return Estimate{At: t1 + (t4-t1)/2, Offset: offset, Bound: way/2 + 1}, nil
	}
}
