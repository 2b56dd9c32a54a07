package agent

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// Join is what a driver needs to join an agent. Its text is one line.
type Join struct {
	// Address is the agent's, host:port.
	Address string
	// Fingerprint is the SHA-256 of its certificate.
	Fingerprint [32]byte
	// Token is the secret by which a driver is let in, until the agent's clock shows Expires.
	Token   []byte
	Expires time.Time
}

const (
	scheme    = "rrbench"
	tokenSize = 24
)

func (j Join) String() string {
	query := url.Values{
		"fingerprint": {hex.EncodeToString(j.Fingerprint[:])},
		"token":       {base64.RawURLEncoding.EncodeToString(j.Token)},
		"expires":     {strconv.FormatInt(j.Expires.Unix(), 10)},
	}
	return (&url.URL{Scheme: scheme, Host: j.Address, RawQuery: query.Encode()}).String()
}

// ParseJoin reads a join line. Its error does not repeat the line, which holds a secret.
func ParseJoin(line string) (j Join, err error) {
	parsed, err := url.Parse(line)
	if err != nil || parsed.Scheme != scheme {
		return j, errors.New("no join line: give the line rrbench://… that rrbench agent prints, in quotes")
	}
	host, port, err := net.SplitHostPort(parsed.Host)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || number == 0 {
		return j, fmt.Errorf("join line with the address %q: it must be host:port", parsed.Host)
	}
	j.Address = parsed.Host
	query := parsed.Query()
	fingerprint, err := hex.DecodeString(query.Get("fingerprint"))
	if err != nil || len(fingerprint) != len(j.Fingerprint) {
		return j, fmt.Errorf("join line of %s: its fingerprint is not 64 hexadecimal digits: give the whole line, in quotes", j.Address)
	}
	copy(j.Fingerprint[:], fingerprint)
	if j.Token, err = base64.RawURLEncoding.DecodeString(query.Get("token")); err != nil || len(j.Token) != tokenSize {
		return j, fmt.Errorf("join line of %s: its token is not whole: give the whole line, in quotes", j.Address)
	}
	expires, err := strconv.ParseInt(query.Get("expires"), 10, 64)
	if err != nil {
		return j, fmt.Errorf("join line of %s: it does not say when it expires: give the whole line, in quotes", j.Address)
	}
	j.Expires = time.Unix(expires, 0)
	return j, nil
}

var secret = regexp.MustCompile(`(` + scheme + `://\S*[?&]token=)[^&\s]*`)

// Redact replaces the tokens of join lines in a text.
func Redact(text string) string { return secret.ReplaceAllString(text, "${1}…") }
