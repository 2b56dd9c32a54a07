package abi

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"rrbench/baselines/function"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

func sample() transport.Delivery {
	return transport.Delivery{
		Timeline: transport.Timeline{
			Start: 1, Serialized: 2, CopiedOut: 3, Received: 4, CopiedIn: 5, Delivered: 6, Consumed: 7, Acknowledged: 8,
		},
		Length: 9, Digest: 1 << 63,
		Usage: measure.Usage{UserNs: 10, KernelNs: 11, MinorFaults: 12, ContextSwitches: 13},
	}
}

func TestDelivery(t *testing.T) {
	for _, want := range []Text{{}, {Pointer: 1<<32 - 1, Length: 5}, {Pointer: 7, Length: 1<<32 - 1}} {
		d := sample()
		var memory [DeliverySize]byte
		PutDelivery(memory[:], &d, want)
		var got transport.Delivery
		text, err := ParseDelivery(memory[:], &got)
		if err != nil || text != want || got != d {
			t.Errorf("%+v with %v became %+v with %v, %v", d, want, got, text, err)
		}
	}
}

// Only a success needs moments in order: a failure has none after some.
func TestOrder(t *testing.T) {
	for at := range 7 {
		d := sample()
		var memory [DeliverySize]byte
		PutDelivery(memory[:], &d, Text{})
		binary.LittleEndian.PutUint64(memory[8*at:], 100)
		if _, err := ParseDelivery(memory[:], &d); err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("moment %d is late: %v", at, err)
		}
		binary.LittleEndian.PutUint32(memory[DeliverySize-4:], 1)
		if _, err := ParseDelivery(memory[:], &d); err != nil {
			t.Error(err)
		}
	}
}

// Every codec and kind has a number, and those of the C guest stay what they are.
func TestNumbers(t *testing.T) {
	for _, codec := range function.Codecs() {
		if !slices.Contains(Codecs, codec) {
			t.Errorf("codec %s has no number", codec)
		}
	}
	for _, kind := range payloads.Kinds() {
		if !slices.Contains(Kinds, kind) {
			t.Errorf("payload %s has no number", kind)
		}
	}
	if Codecs[0] != transport.Raw || !slices.Equal(Kinds, []payloads.Kind{payloads.Text, payloads.Records, payloads.Bytes}) {
		t.Errorf("the C guest knows other numbers than %v, %v", Codecs, Kinds)
	}
}

// What a guest tells is understood completely or refused.
func FuzzParseDelivery(f *testing.F) {
	d := sample()
	var memory [DeliverySize]byte
	PutDelivery(memory[:], &d, Text{1, 2})
	f.Add(memory[:])
	f.Add(make([]byte, DeliverySize))
	f.Fuzz(func(t *testing.T, told []byte) {
		if len(told) < DeliverySize {
			return
		}
		var d transport.Delivery
		text, err := ParseDelivery(told, &d)
		if err != nil {
			return
		}
		var again [DeliverySize]byte
		PutDelivery(again[:], &d, text)
		if !bytes.Equal(again[:], told[:DeliverySize]) {
			t.Errorf("%x became %x", told[:DeliverySize], again)
		}
	})
}
