package stream

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"rrbench/measure"
)

const (
	acknowledgementMagic = 0x32415252 // "RRA2"
	acknowledgementSize  = 104
	textLimit            = 512
)

// status says how a hand-off ended at the target.
type status uint8

const (
	statusConsumed status = iota
	// statusRefused: the target had no place for the payload, and threw it away.
	statusRefused
	// statusFailed: the payload arrived, but its handler failed.
	statusFailed
	// statusRubbish: what arrived is no frame; the target closes the connection.
	statusRubbish
	// statusSendBytes: the target could not follow a reference, and waits for a frame with
	// the payload itself.
	statusSendBytes
	statusEnd
)

// acknowledgement is a target's answer to a frame.
type acknowledgement struct {
	status status
	// held: the target still uses the memory that the frame referred to.
	held       bool
	textLength int
	sequence   uint64
	// Moments on the target's clock, in nanoseconds.
	received, copiedIn, delivered, consumed int64
	length, digest                          uint64
	usage                                   measure.Usage
	// released is the ID of a reference held before that no longer is, or zero.
	released uint64
}

func (a *acknowledgement) encode(p *[acknowledgementSize]byte) {
	little := binary.LittleEndian
	little.PutUint32(p[0:], acknowledgementMagic)
	p[4], p[5] = byte(a.status), 0
	if a.held {
		p[5] = 1
	}
	little.PutUint16(p[6:], uint16(a.textLength))
	little.PutUint64(p[8:], a.sequence)
	little.PutUint64(p[16:], uint64(a.received))
	little.PutUint64(p[24:], uint64(a.copiedIn))
	little.PutUint64(p[32:], uint64(a.delivered))
	little.PutUint64(p[40:], uint64(a.consumed))
	little.PutUint64(p[48:], a.length)
	little.PutUint64(p[56:], a.digest)
	little.PutUint64(p[64:], uint64(a.usage.UserNs))
	little.PutUint64(p[72:], uint64(a.usage.KernelNs))
	little.PutUint64(p[80:], uint64(a.usage.MinorFaults))
	little.PutUint64(p[88:], uint64(a.usage.ContextSwitches))
	little.PutUint64(p[96:], a.released)
}

func parseAcknowledgement(p *[acknowledgementSize]byte) (acknowledgement, error) {
	little := binary.LittleEndian
	if magic := little.Uint32(p[0:]); magic != acknowledgementMagic {
		return acknowledgement{}, fmt.Errorf("acknowledgement starts with %#08x, not with %#08x", magic, acknowledgementMagic)
	}
	a := acknowledgement{
		status:     status(p[4]),
		held:       p[5] == 1,
		textLength: int(little.Uint16(p[6:])),
		sequence:   little.Uint64(p[8:]),
		received:   int64(little.Uint64(p[16:])),
		copiedIn:   int64(little.Uint64(p[24:])),
		delivered:  int64(little.Uint64(p[32:])),
		consumed:   int64(little.Uint64(p[40:])),
		length:     little.Uint64(p[48:]),
		digest:     little.Uint64(p[56:]),
		usage: measure.Usage{
			UserNs:          int64(little.Uint64(p[64:])),
			KernelNs:        int64(little.Uint64(p[72:])),
			MinorFaults:     int64(little.Uint64(p[80:])),
			ContextSwitches: int64(little.Uint64(p[88:])),
		},
		released: little.Uint64(p[96:]),
	}
	if a.status >= statusEnd || p[5] > 1 {
		return acknowledgement{}, fmt.Errorf("acknowledgement has unknown status %d or flags %#x", a.status, p[5])
	}
	if a.textLength > textLimit {
		return acknowledgement{}, fmt.Errorf("acknowledgement announces a text of %d bytes, possible are %d", a.textLength, textLimit)
	}
	return a, nil
}

// failureText is an error's text as it fits behind an acknowledgement.
func failureText(err error) string {
	text := printable(err.Error())
	if len(text) <= textLimit {
		return text
	}
	cut := textLimit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// printable makes one line of text from a peer, whatever the peer sent.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
