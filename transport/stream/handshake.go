package stream

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	handshakeMagic = 0x31485252 // "RRH1"
	// version changes whenever a message or a frame changes.
	version = 2

	nonceSize     = 32
	challengeSize = 32
	proofSize     = sha256.Size
	helloSize     = 8 + challengeSize
	replySize     = 8 + challengeSize + proofSize
	verdictSize   = 8
)

// hello is the connector's first message.
type hello struct {
	version   uint16
	challenge [challengeSize]byte
}

func (h *hello) encode(p *[helloSize]byte) {
	binary.LittleEndian.PutUint32(p[0:], handshakeMagic)
	binary.LittleEndian.PutUint16(p[4:], h.version)
	binary.LittleEndian.PutUint16(p[6:], 0)
	copy(p[8:], h.challenge[:])
}

func parseHello(p *[helloSize]byte) (hello, error) {
	if binary.LittleEndian.Uint32(p[0:]) != handshakeMagic || binary.LittleEndian.Uint16(p[6:]) != 0 {
		return hello{}, errors.New("handshake: what connected does not speak this protocol")
	}
	h := hello{version: binary.LittleEndian.Uint16(p[4:])}
	copy(h.challenge[:], p[8:])
	return h, nil
}

// reply is the listener's answer: its own challenge, and the proof that it knows the nonce.
// To a hello of another version it carries zeros in both places.
type reply struct {
	version   uint16
	challenge [challengeSize]byte
	proof     [proofSize]byte
}

func (r *reply) encode(p *[replySize]byte) {
	binary.LittleEndian.PutUint32(p[0:], handshakeMagic)
	binary.LittleEndian.PutUint16(p[4:], r.version)
	binary.LittleEndian.PutUint16(p[6:], 0)
	copy(p[8:], r.challenge[:])
	copy(p[8+challengeSize:], r.proof[:])
}

func parseReply(p *[replySize]byte) (reply, error) {
	if binary.LittleEndian.Uint32(p[0:]) != handshakeMagic || binary.LittleEndian.Uint16(p[6:]) != 0 {
		return reply{}, errors.New("handshake: what listens at this address does not speak this protocol")
	}
	r := reply{version: binary.LittleEndian.Uint16(p[4:])}
	if r.version != version {
		return reply{}, fmt.Errorf("handshake: the target speaks version %d, this source version %d; run the same program on both sides", r.version, version)
	}
	copy(r.challenge[:], p[8:])
	copy(r.proof[:], p[8+challengeSize:])
	return r, nil
}

// verdict is the listener's last message of the handshake.
type verdict uint16

const (
	verdictWelcome verdict = iota
	verdictStranger
	verdictBusy
	verdictEnd
)

func (v verdict) encode(p *[verdictSize]byte) {
	binary.LittleEndian.PutUint32(p[0:], handshakeMagic)
	binary.LittleEndian.PutUint16(p[4:], uint16(v))
	binary.LittleEndian.PutUint16(p[6:], 0)
}

func parseVerdict(p *[verdictSize]byte) (verdict, error) {
	v := verdict(binary.LittleEndian.Uint16(p[4:]))
	if binary.LittleEndian.Uint32(p[0:]) != handshakeMagic || binary.LittleEndian.Uint16(p[6:]) != 0 || v >= verdictEnd {
		return 0, errors.New("handshake: the target's verdict is garbled")
	}
	return v, nil
}

// err is nil for a welcome.
func (v verdict) err() error {
	switch v {
	case verdictWelcome:
		return nil
	case verdictBusy:
		return errors.New("handshake: the target already serves another source; close that route first")
	default:
		return errors.New("handshake: the target does not accept this endpoint's nonce; the endpoint is of another run")
	}
}

// role separates the two proofs, so that neither can be reflected as the other.
type role string

const (
	roleConnector role = "rrbench stream connector"
	roleListener  role = "rrbench stream listener"
)

// prove answers the challenges of both sides under the nonce (HMAC-SHA256, RFC 2104).
func prove(nonce []byte, role role, connector, listener *[challengeSize]byte) (proof [proofSize]byte) {
	mac := hmac.New(sha256.New, nonce)
	mac.Write([]byte(role))
	mac.Write([]byte{0, version})
	mac.Write(connector[:])
	mac.Write(listener[:])
	mac.Sum(proof[:0])
	return proof
}

// proves compares in constant time.
func proves(proof []byte, nonce []byte, role role, connector, listener *[challengeSize]byte) bool {
	expected := prove(nonce, role, connector, listener)
	return hmac.Equal(proof, expected[:])
}
