package http

import (
	"encoding/hex"
	"errors"
	"fmt"
	nethttp "net/http"
	"strings"

	"rrbench/transport"
)

// The first request of a connection carries the connector's proof, and its response the
// target's answer (transport.Prove): in the header fields of RFC 9110, sections 11.6.2 and
// 11.6.3, in hexadecimal digits.
const (
	proofField  = "Authorization"
	answerField = "Authentication-Info"
	scheme      = "rrbench "
)

// prove puts a proof into a request's header and returns the answer to expect.
func prove(header nethttp.Header, nonce []byte) transport.Answer {
	proof, answer := transport.Prove(nonce)
	header.Set(proofField, scheme+hex.EncodeToString(proof[:]))
	return answer
}

// checkAnswer finds out whether the target knows the nonce, too.
func checkAnswer(header nethttp.Header, expected transport.Answer) error {
	answer, err := hex.DecodeString(header.Get(answerField))
	if err != nil || !expected.Equal(answer) {
		return errors.New("what listens there does not know the endpoint's nonce")
	}
	return nil
}

// admit checks the proof of a request and puts the answer into the response's header.
func admit(admission *transport.Admission, from, to nethttp.Header) error {
	digits, ok := strings.CutPrefix(from.Get(proofField), scheme)
	proof, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return errors.New("the first request of a connection needs a proof of the endpoint's nonce")
	}
	answer, err := admission.Admit(proof)
	if err != nil {
		return err
	}
	to.Set(answerField, fmt.Sprintf("%x", answer))
	return nil
}
