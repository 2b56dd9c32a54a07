package stream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"rrbench/transport"
)

const (
	handshakeMagic = 0x33485252 // "RRH3"
	// version changes whenever a message or a frame changes.
	version = 5

	helloSize   = 8 + transport.ProofSize
	verdictSize = 8 + transport.AnswerSize
)

// A hello is the connector's first message, a verdict the listener's answer to it. Both
// begin with the magic number, the version and a code.
func appendMessage(to []byte, code uint16, rest []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, handshakeMagic)
	to = binary.LittleEndian.AppendUint16(to, version)
	to = binary.LittleEndian.AppendUint16(to, code)
	return append(to, rest...)
}

func parseMessage(p []byte) (code uint16, rest []byte, err error) {
	if binary.LittleEndian.Uint32(p) != handshakeMagic {
		return 0, nil, errors.New("handshake: the peer does not speak this protocol")
	}
	if theirs := binary.LittleEndian.Uint16(p[4:]); theirs != version {
		return 0, nil, fmt.Errorf("handshake: the peer speaks version %d, this program version %d; run the same program on both sides", theirs, version)
	}
	return binary.LittleEndian.Uint16(p[6:]), p[8:], nil
}

// verdict is what becomes of a connection.
type verdict uint16

const (
	verdictWelcome verdict = iota
	verdictUnproven
	verdictBusy
	// verdictVersion answers a hello of another version.
	verdictVersion
)

// err is nil for a welcome.
func (v verdict) err() error {
	switch v {
	case verdictWelcome:
		return nil
	case verdictBusy:
		return errors.New("handshake: the target already serves as many sources as it may; close one of those routes first")
	case verdictUnproven:
		return errors.New("handshake: the target does not accept this endpoint's nonce; the endpoint is of another run")
	}
	return fmt.Errorf("handshake: the target's verdict %d is unknown", v)
}
