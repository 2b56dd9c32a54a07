package transport

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net"
	"slices"
	"sync"
)

// A connector proves to a target that it knows the endpoint's nonce, and the target proves
// the same in its answer; the nonce itself never travels on a data connection. Both proofs are
// an HMAC-SHA256 (RFC 2104) under the nonce of a role, the version and the connector's random
// challenge. A target accepts each challenge once, so a proof that was overheard is of no use.
//
// On a stream socket the proof is the first message and its answer the first one back; where
// HTTP is measured, they are a header of the first request and of its response.
const (
	// NonceSize is the length of an endpoint's nonce in bytes.
	NonceSize     = 32
	challengeSize = 32
	// ProofSize is the length in bytes of what a connector sends: challenge and HMAC.
	ProofSize = challengeSize + sha256.Size
	// AnswerSize is the length in bytes of what a target sends back.
	AnswerSize = sha256.Size
	// admissionVersion changes with everything that two programs must agree on.
	admissionVersion = 3
)

// Proof is what a connector sends, and Answer what it expects in return.
type (
	Proof  [ProofSize]byte
	Answer [AnswerSize]byte
)

// NewNonce returns the secret of a new endpoint.
func NewNonce() []byte {
	nonce := make([]byte, NonceSize)
	_, _ = rand.Read(nonce) // never fails, see crypto/rand
	return nonce
}

// Prove makes the proof for one connection, and the answer to be compared by Equal.
func Prove(nonce []byte) (proof Proof, answer Answer) {
	challenge := proof[:challengeSize]
	_, _ = rand.Read(challenge)
	copy(proof[challengeSize:], digest(nonce, "connector", challenge))
	copy(answer[:], digest(nonce, "target", challenge))
	return proof, answer
}

// Equal compares answers in constant time.
func (a Answer) Equal(b []byte) bool { return hmac.Equal(a[:], b) }

func digest(nonce []byte, role string, challenge []byte) []byte {
	mac := hmac.New(sha256.New, nonce)
	mac.Write([]byte("rrbench " + role))
	mac.Write([]byte{0, admissionVersion})
	mac.Write(challenge)
	return mac.Sum(nil)
}

// Admission is a target's side. Its methods may be called by several goroutines.
type Admission struct {
	nonce []byte
	mutex sync.Mutex
	used  map[[challengeSize]byte]struct{}
}

// admissionLimit is how many connections a target admits in its life.
const admissionLimit = 1 << 16

// NewAdmission admits connectors that know the nonce.
func NewAdmission(nonce []byte) *Admission {
	return &Admission{nonce: nonce, used: make(map[[challengeSize]byte]struct{})}
}

var (
	errNotProven = errors.New("the proof is not of this endpoint's nonce: the endpoint is of another run, or the peer does not belong to this one")
	errReplayed  = errors.New("the proof was used before, or there were too many")
)

// Admit checks a proof in constant time and returns the answer to it.
func (a *Admission) Admit(proof []byte) (answer Answer, err error) {
	if len(proof) != ProofSize || !hmac.Equal(proof[challengeSize:], digest(a.nonce, "connector", proof[:challengeSize])) {
		return answer, errNotProven
	}
	challenge := [challengeSize]byte(proof)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, used := a.used[challenge]; used || len(a.used) >= admissionLimit {
		return answer, errReplayed
	}
	a.used[challenge] = struct{}{}
	copy(answer[:], digest(a.nonce, "target", challenge[:]))
	return answer, nil
}

// pendingLimit is how many connections may wait for their proof.
const pendingLimit = 64

// Pending holds the connections of a listener that have not proven anything yet. One more
// than the limit closes the oldest. That cannot be a source's: a source sends its proof as it
// connects, and listeners on TCP accept no connection without a byte (TCP_DEFER_ACCEPT,
// tcp(7)). Its methods may be called by several goroutines.
type Pending struct {
	mutex   sync.Mutex
	waiting []net.Conn
}

// Add takes a new connection in.
func (p *Pending) Add(connection net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.waiting = append(p.waiting, connection)
	if len(p.waiting) > pendingLimit {
		_ = p.waiting[0].Close()
		p.waiting = slices.Delete(p.waiting, 0, 1)
	}
}

// Remove is for a connection that has proven itself, or has ended. Again it does nothing.
func (p *Pending) Remove(connection net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if i := slices.Index(p.waiting, connection); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
}
