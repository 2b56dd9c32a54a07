package stream

import (
	"bytes"
	"errors"
	"testing"

	"rrbench/transport"
)

func FuzzHeader(f *testing.F) {
	var seed [headerSize]byte
	header{sequence: 1, length: 100}.encode(&seed)
	f.Add(seed[:])
	header{byReference | withDescriptor, 2, 1, 1, 100}.encode(&seed)
	f.Add(seed[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, again [headerSize]byte
		copy(p[:], data)
		h, err := parseHeader(&p)
		if err != nil {
			return
		}
		if h.length == 0 || h.length > frameLimit {
			t.Errorf("length %d was accepted", h.length)
		}
		if referred := h.flags&byReference != 0; referred != (h.id != 0) || h.locator < 0 || h.locator > LocatorLimit {
			t.Errorf("%+v was accepted", h)
		}
		if h.encode(&again); again != p {
			t.Errorf("%x parses to %x", p, again)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	good := envelope{status: statusFailed, held: true, sequence: 1, released: 4}
	delivery := transport.Delivery{Length: 3, Err: errors.New("no memory")}
	f.Add(delivery.AppendTo(good.appendTo(nil)))
	f.Fuzz(func(t *testing.T, data []byte) {
		wire := append(data, make([]byte, answerSize)...)
		e, text, err := parseAnswer(wire)
		if err != nil {
			return
		}
		if text < 0 || text > transport.TextLimit || e.status >= statusEnd {
			t.Errorf("%+v with %d bytes of text was accepted", e, text)
		}
		if again := e.appendTo(nil); !bytes.Equal(again, wire[:envelopeSize]) {
			t.Errorf("%x parses to %x", wire[:envelopeSize], again)
		}
	})
}

// No bytes of a peer that does not know the nonce make it through, whatever they are.
func FuzzHandshake(f *testing.F) {
	f.Add(appendMessage(nil, 0, make([]byte, transport.ProofSize)))
	f.Add(appendMessage(nil, uint16(verdictBusy), make([]byte, transport.AnswerSize)))
	admission := transport.NewAdmission([]byte("0123456789abcdef0123456789abcdef"))
	f.Fuzz(func(t *testing.T, data []byte) {
		wire := append(data, make([]byte, helloSize)...)[:helloSize]
		code, rest, err := parseMessage(wire)
		if err != nil {
			return
		}
		if again := appendMessage(nil, code, rest); !bytes.Equal(again, wire) {
			t.Errorf("%x parses to %x", wire, again)
		}
		if _, err := admission.Admit(rest); err == nil {
			t.Error("a guess proved the nonce")
		}
		if (verdict(code) == verdictWelcome) != (verdict(code).err() == nil) {
			t.Errorf("verdict %d", code)
		}
	})
}
