package stream

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"rrbench/measure"
)

func TestAcknowledgementRoundTrip(t *testing.T) {
	want := acknowledgement{
		status: statusFailed, held: true, released: 4, textLength: textLimit, sequence: math.MaxUint64,
		received: 1, copiedIn: 2, delivered: 3, consumed: math.MinInt64,
		length: 5, digest: math.MaxUint64,
		usage: measure.Usage{UserNs: 6, KernelNs: 7, MinorFaults: 8, ContextSwitches: -9},
	}
	var p [acknowledgementSize]byte
	want.encode(&p)
	if got, err := parseAcknowledgement(&p); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzHeader(f *testing.F) {
	var seed [headerSize]byte
	header{sequence: 1, length: 100}.encode(&seed)
	f.Add(seed[:])
	header{flags: byReference | withDescriptor, sequence: 2, length: 1}.encode(&seed)
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
		if h.encode(&again); again != p {
			t.Errorf("%x parses to %x", p, again)
		}
	})
}

func FuzzAcknowledgement(f *testing.F) {
	var seed [acknowledgementSize]byte
	(&acknowledgement{sequence: 1, textLength: 3}).encode(&seed)
	f.Add(seed[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, again [acknowledgementSize]byte
		copy(p[:], data)
		a, err := parseAcknowledgement(&p)
		if err != nil {
			return
		}
		if a.textLength > textLimit || a.status >= statusEnd {
			t.Errorf("%+v was accepted", a)
		}
		if a.encode(&again); again != p {
			t.Errorf("%x parses to %x", p, again)
		}
	})
}

// No bytes of a peer that does not know the nonce make it through, whatever they are.
func FuzzHandshake(f *testing.F) {
	var seedHello [helloSize]byte
	(&hello{version: version}).encode(&seedHello)
	var seedReply [replySize]byte
	(&reply{version: version}).encode(&seedReply)
	var seedVerdict [verdictSize]byte
	verdictBusy.encode(&seedVerdict)
	f.Add(seedHello[:])
	f.Add(seedReply[:])
	f.Add(seedVerdict[:])
	nonce := []byte("0123456789abcdef0123456789abcdef")
	f.Fuzz(func(t *testing.T, data []byte) {
		var h, hAgain [helloSize]byte
		var r, rAgain [replySize]byte
		var v, vAgain [verdictSize]byte
		copy(h[:], data)
		copy(r[:], data)
		copy(v[:], data)
		theirHello, err := parseHello(&h)
		if err == nil {
			if theirHello.encode(&hAgain); hAgain != h {
				t.Errorf("%x parses to %x", h, hAgain)
			}
		}
		if theirs, err := parseReply(&r); err == nil {
			if theirs.encode(&rAgain); rAgain != r {
				t.Errorf("%x parses to %x", r, rAgain)
			}
			if proves(theirs.proof[:], nonce, roleListener, &theirHello.challenge, &theirs.challenge) {
				t.Error("a guess proved the nonce")
			}
		}
		if theirs, err := parseVerdict(&v); err == nil {
			if theirs.encode(&vAgain); vAgain != v {
				t.Errorf("%x parses to %x", v, vAgain)
			}
			if (theirs == verdictWelcome) != (theirs.err() == nil) {
				t.Errorf("verdict %d", theirs)
			}
		}
	})
}

func FuzzFailureText(f *testing.F) {
	f.Add("guest trapped")
	f.Add(strings.Repeat("ä", textLimit))
	f.Fuzz(func(t *testing.T, text string) {
		got := failureText(errors.New(text))
		if len(got) > textLimit || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Errorf("%q", got)
		}
	})
}

func FuzzPreface(f *testing.F) {
	var seed [prefaceSize]byte
	preface{1, 100}.encode(&seed)
	f.Add(seed[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, again [prefaceSize]byte
		copy(p[:], data)
		r, err := parsePreface(&p)
		if err != nil {
			return
		}
		if r.id == 0 || r.size < 0 || r.size > DirectionsLimit {
			t.Errorf("%+v was accepted", r)
		}
		if r.encode(&again); again != p {
			t.Errorf("%x parses to %x", p, again)
		}
	})
}
