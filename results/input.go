package results

import (
	"encoding/json"
	"unicode/utf8"
)

// Input is a file that a run depends on, known by its content.
type Input struct {
	Kind InputKind `json:"kind"`
	// Name is what the plan calls a guest.
	Name string `json:"name,omitempty"`
	// Path is absolute. Pipe says that there is nothing to read at it again.
	Path   Text   `json:"path"`
	Pipe   bool   `json:"pipe,omitempty"`
	Digest string `json:"sha256"`
}

// InputKind is what a run has a file for.
type InputKind string

// The kinds of inputs.
const (
	GuestInput         InputKind = "guest"
	ConfigurationInput InputKind = "configuration"
	CrossoversInput    InputKind = "crossovers"
	// ProgramInput is a program other than this one.
	ProgramInput InputKind = "program"
)

// Text is text that need not be UTF-8, as paths need not. Where it is not, JSON has its bytes in
// base64, as the only field of an object.
type Text string

type textBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(textBytes{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(encoded []byte) error {
	var bytes textBytes
	if err := json.Unmarshal(encoded, &bytes); err == nil {
		*t = Text(bytes.Base64)
		return nil
	}
	return json.Unmarshal(encoded, (*string)(t))
}

// Texts are arguments of a command line.
func Texts(arguments []string) []Text {
	texts := make([]Text, len(arguments))
	for i, argument := range arguments {
		texts[i] = Text(argument)
	}
	return texts
}
