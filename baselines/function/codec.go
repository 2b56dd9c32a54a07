package function

import (
	"bytes"
	jsonstd "encoding/json"
	"fmt"

	"github.com/go-json-experiment/json"

	"rrbench/payloads"
	"rrbench/transport"
)

// Codecs lists what the functions can speak, the default ones first.
func Codecs() []transport.Codec {
	return []transport.Codec{transport.JSON, transport.Raw, transport.JSONStd}
}

// codec turns objects into bytes and back.
type codec struct {
	// encode is nil where the object is the payload's bytes.
	encode func(*bytes.Buffer, *payloads.Message) error
	// decode fills an empty message, whose memory it may use again.
	decode func([]byte, *payloads.Message) error
}

func codecOf(name transport.Codec) (codec, error) {
	switch name {
	case transport.Raw:
		return codec{decode: func(from []byte, m *payloads.Message) error { m.Bytes = from; return nil }}, nil
	case transport.JSON:
		return codec{
			// The encoder appends to the buffer itself: no copy, no garbage.
			encode: func(to *bytes.Buffer, m *payloads.Message) error { return json.MarshalWrite(to, m) },
			decode: func(from []byte, m *payloads.Message) error { return json.Unmarshal(from, m) },
		}, nil
	case transport.JSONStd:
		return codec{
			// An Encoder copies out of memory that it pools, which Marshal would allocate
			// anew. Escaping for HTML is of no use between functions.
			encode: func(to *bytes.Buffer, m *payloads.Message) error {
				encoder := jsonstd.NewEncoder(to)
				encoder.SetEscapeHTML(false)
				return encoder.Encode(m)
			},
			decode: func(from []byte, m *payloads.Message) error { return jsonstd.Unmarshal(from, m) },
		}, nil
	}
	return codec{}, fmt.Errorf("codec %q is unknown to these functions: use %v", name, Codecs())
}

// WireSize estimates how many bytes an object of a kind and size becomes, from above for
// the payloads of package payloads. It is for allocating beforehand, not for refusing.
func WireSize(name transport.Codec, kind payloads.Kind, size int64) int64 {
	if !name.Serializes() {
		return size
	}
	// Field names, the id and the end.
	const around = 128
	switch kind {
	case payloads.Records:
		// 64 bytes in memory are about 170 in JSON.
		return size*11/4 + around
	case payloads.Bytes:
		return size*4/3 + around
	}
	return size + around
}

// WireLimit is the most bytes that a target accepts for an object of that size. JSON may
// need several bytes for one; beyond eight the sender is not one of ours.
func WireLimit(name transport.Codec, size int64) int64 {
	if !name.Serializes() {
		return size
	}
	return 8*size + 4096
}
