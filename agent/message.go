package agent

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/measure/offset"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// protocol changes with the messages.
const protocol = 2

// Lengths of messages, in bytes: of what comes from a driver, and from an agent.
const (
	longestRequest = 64 << 10
	longestReply   = 1 << 20
)

const (
	// helloDeadline is for a connection to prove itself and to say what it wants.
	helloDeadline = 5 * time.Second
	// startDeadline is for the reply: a container takes a while to start.
	startDeadline = 30 * time.Second
	// vanishes is after what time without an answer a peer is given up. A hundred targets' payloads fill a link for
	// tens of seconds, in which few of the control connections' segments come through.
	vanishes = 60 * time.Second
)

// request is what a connection begins with.
type request struct {
	Protocol int             `json:"protocol"`
	Program  results.Program `json:"program"`
	Proof    []byte          `json:"proof"`
	// Session is that of an earlier reply: the one to which a shim belongs, or the one
	// that this session replaces.
	Session string       `json:"session,omitempty"`
	Shim    *shimRequest `json:"shim,omitempty"`
}

// shimRequest asks for a shim. The number is the driver's, for notices and orders.
type shimRequest struct {
	Number    int            `json:"number"`
	Name      string         `json:"name"`
	Runs      transport.Runs `json:"runs"`
	Launcher  string         `json:"launcher"`
	Parameter string         `json:"parameter,omitempty"`
}

// reply has an error, or what was asked for.
type reply struct {
	Error string `json:"error,omitempty"`
	// For good says that to ask again is of no use.
	ForGood bool       `json:"for_good,omitempty"`
	Session string     `json:"session,omitempty"`
	Facts   *Facts     `json:"facts,omitempty"`
	Shim    *shimReply `json:"shim,omitempty"`
	// Clock is the UDP address at which a session's agent answers for its clock, to the cookie.
	Clock  string        `json:"clock,omitempty"`
	Cookie offset.Cookie `json:"cookie,omitzero"`
}

type shimReply struct {
	// Parent and Program are as shim.Instance has them, on the agent's host.
	Parent  int    `json:"parent"`
	Program string `json:"program"`
}

// order is what a driver says in a session, and notice what an agent does.
type (
	order struct {
		Ping bool `json:"ping,omitempty"`
		Kill *int `json:"kill,omitempty"`
	}
	notice struct {
		Pong  bool             `json:"pong,omitempty"`
		Ended *int             `json:"ended,omitempty"`
		Exit  *shim.ExitReason `json:"exit,omitempty"`
	}
)

func send(to io.Writer, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// receive reads one message. Of one that is longer than longest nothing but its length is read.
func receive(from io.Reader, longest int, message any) error {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if uint64(n) > uint64(longest) {
		return fmt.Errorf("a message of %d bytes, of which %d are allowed", n, longest)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}

// prove makes the proof that a driver knows the token. It holds for this connection alone.
func prove(connection *tls.Conn, token []byte) ([]byte, error) {
	state := connection.ConnectionState()
	exported, err := state.ExportKeyingMaterial("EXPORTER-rrbench-agent", nil, sha256.Size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, token)
	mac.Write(exported)
	return mac.Sum(nil), nil
}

// tune has the kernel notice a peer that has vanished: while something is on its way at once, else
// by asking now and then, which no batch is disturbed by.
func tune(connection net.Conn) error {
	tcp, ok := connection.(*net.TCPConn)
	if !ok {
		return nil
	}
	if err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second}); err != nil {
		return err
	}
	return stream.Control(tcp, func(fd int) error {
		// A lone segment that is lost is sent again soon, the first few times. See tcp(7) and the kernel's
		// Documentation/networking/tcp-thin.rst.
		return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanishes/time.Millisecond)),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_THIN_LINEAR_TIMEOUTS, 1))
	})
}
