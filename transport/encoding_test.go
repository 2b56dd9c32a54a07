package transport

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"rrbench/measure"
)

func someDelivery() Delivery {
	return Delivery{
		Timeline: Timeline{1, 2, 3, 4, 5, 6, 7, 8},
		Length:   9, Digest: 0xfedcba9876543210,
		Usage: measure.Usage{UserNs: 11, KernelNs: 12, MinorFaults: 13, ContextSwitches: -14},
		Err:   errors.New("no\nmemory"),
	}
}

// The bytes are what guests in C and shims of other programs read and write.
func TestDeliveryIsEncodedAsItAlwaysWas(t *testing.T) {
	const want = "52524431" + "09000000" +
		"0100000000000000" + "0200000000000000" + "0300000000000000" + "0400000000000000" +
		"0500000000000000" + "0600000000000000" + "0700000000000000" + "0800000000000000" +
		"0900000000000000" + "1032547698badcfe" +
		"0b00000000000000" + "0c00000000000000" + "0d00000000000000" + "f2ffffffffffffff" +
		"6e6f206d656d6f7279"
	d := someDelivery()
	if got := hex.EncodeToString(d.AppendTo(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzDelivery(f *testing.F) {
	d := someDelivery()
	f.Add(d.AppendTo(nil))
	d.Err = nil
	f.Add(d.AppendTo(nil))
	f.Add(d.AppendTo(nil)[:DeliverySize-1])
	f.Fuzz(func(t *testing.T, wire []byte) {
		var d, again Delivery
		n, err := ParseDelivery(wire, &d)
		if err != nil {
			return
		}
		if n > len(wire) || n > DeliveryLimit {
			t.Errorf("%d bytes of %d", n, len(wire))
		}
		if d.Err != nil {
			if text := d.Err.Error(); len(text) > TextLimit || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r\x00\x1b") {
				t.Errorf("text %q", text)
			}
		}
		whole := d.AppendTo(nil)
		if m, err := ParseDelivery(whole, &again); err != nil || m != len(whole) || again.Timeline != d.Timeline || again.Length != d.Length ||
			again.Digest != d.Digest || again.Usage != d.Usage || (again.Err == nil) != (d.Err == nil) {
			t.Errorf("%+v becomes %+v, %v", d, again, err)
		}
		_ = again.Answer(wire)
	})
}

func TestEncodingAllocatesNothing(t *testing.T) {
	d := someDelivery()
	d.Err = nil
	buffer := make([]byte, 0, DeliveryLimit)
	if n := testing.AllocsPerRun(100, func() {
		buffer = d.AppendTo(buffer[:0])
		if err := d.Answer(buffer); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAnswerIsNotTrusted(t *testing.T) {
	good := someDelivery()
	good.Err = nil
	for name, wire := range map[string][]byte{
		"nothing":   nil,
		"short":     good.AppendTo(nil)[:50],
		"long":      append(good.AppendTo(nil), 0),
		"other":     append([]byte("HTTP"), good.AppendTo(nil)[4:]...),
		"long text": append(append([]byte("RRD1"), 1, 4, 0, 0), make([]byte, DeliverySize-8+TextLimit+1)...),
		"unordered": (&Delivery{Timeline: Timeline{Received: 3, CopiedIn: 2, Delivered: 1}}).AppendTo(nil),
	} {
		var d Delivery
		if err := d.Answer(wire); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	mine := Delivery{Timeline: Timeline{Start: 100, Serialized: 101, CopiedOut: 102}}
	if err := mine.Answer(good.AppendTo(nil)); err != nil || mine.Timeline != (Timeline{100, 101, 102, 4, 5, 6, 7, 0}) {
		t.Errorf("%+v, %v", mine.Timeline, err)
	}
}

func TestAdmission(t *testing.T) {
	nonce := NewNonce()
	admission := NewAdmission(nonce)
	proof, expected := Prove(nonce)
	answer, err := admission.Admit(proof[:])
	if err != nil || !expected.Equal(answer[:]) {
		t.Errorf("a right proof: %v", err)
	}
	other, _ := Prove(NewNonce())
	altered, _ := Prove(nonce)
	altered[0]++
	reflected := append(append([]byte(nil), proof[:challengeSize]...), answer[:]...)
	for name, wrong := range map[string][]byte{
		"replayed": proof[:], "of another nonce": other[:], "altered": altered[:], "the target's own answer": reflected, "short": proof[:40], "nothing": nil,
	} {
		if _, err := admission.Admit(wrong); err == nil {
			t.Errorf("admitted: %s", name)
		}
	}
	if expected.Equal(nil) || expected.Equal(proof[challengeSize:]) {
		t.Error("the connector accepts what is no answer")
	}
}
