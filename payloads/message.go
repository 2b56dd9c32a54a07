package payloads

import (
	"fmt"
	"strings"
)

// Message is the object that functions exchange over transports that serialize. Exactly
// one of Text, Records with Rest, and Bytes is set, by the payload's kind. In JSON:
//
//	{"id":7,"text":"..."}
//	{"id":7,"records":[{"id":1,...},...],"rest":"base64"}
//	{"id":7,"bytes":"base64"}
//
// Its digest is that of the payload in memory, however it travelled: encoding/json and
// github.com/go-json-experiment/json read back exactly what they wrote.
type Message struct {
	// ID is the payload's seed.
	ID      uint64   `json:"id"`
	Text    string   `json:"text,omitzero"`
	Records []Record `json:"records,omitzero"`
	// Rest is what follows the last whole record, where a size is not a multiple of 64.
	Rest  []byte `json:"rest,omitzero"`
	Bytes []byte `json:"bytes,omitzero"`
}

// MessageFromFlat makes an object of a payload that lies in memory as Fill writes it,
// without copying: the message shares flat's memory, so flat must not change while the
// message is in use. Records alone are copied when flat is not aligned to 8 bytes.
func MessageFromFlat(kind Kind, id uint64, flat []byte) (*Message, error) {
	message := &Message{ID: id}
	switch kind {
	case Text:
		message.Text = textView(flat)
	case Records:
		whole := len(flat) / RecordSize * RecordSize
		message.Records = recordsView(flat[:whole])
		if whole < len(flat) {
			message.Rest = flat[whole:]
		}
	case Bytes:
		message.Bytes = flat
	default:
		return nil, fmt.Errorf("payload kind %q has no message form", kind)
	}
	return message, nil
}

// Digest returns the digest and the length in bytes of the payload that the message
// stands for, equal to those of the payload in memory. It copies nothing.
func (m *Message) Digest() (digest, length uint64) {
	d := newDigester()
	switch {
	case len(m.Text) > 0:
		d.add(textBytes(m.Text))
	case len(m.Bytes) > 0:
		d.add(m.Bytes)
	default:
		d.add(recordBytes(m.Records)) // of two whole steps each
		d.add(m.Rest)
	}
	return d.sum(), d.length
}

// Rewrite changes the object in place as the function of that name changes the payload in memory, a
// byte for every page of it. The message must be a decoder's or the caller's own: what shares
// its memory changes too.
func (m *Message) Rewrite() {
	if len(m.Text) < textBlock {
		m.Text = strings.Clone(m.Text) // decoders may hand out one short string twice
	}
	Rewrite(textBytes(m.Text))
	Rewrite(m.Bytes)
	Rewrite(recordBytes(m.Records))
	if len(m.Records)*RecordSize%textBlock == 0 {
		Rewrite(m.Rest)
	}
}

// Reset empties the message for the next decoding; slices keep their capacity, so that
// decoding into a used message allocates less.
func (m *Message) Reset() {
	m.ID, m.Text = 0, ""
	m.Records, m.Rest, m.Bytes = m.Records[:0], m.Rest[:0], m.Bytes[:0]
}
