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

// The longest messages that an agent and a driver take, in bytes.
const (
	longestRequest = 64 << 10
	longestReply   = 1 << 20
)

const (
	// helloDeadline is for a connection's handshake and request.
	helloDeadline = 5 * time.Second
	// startDeadline is for the reply: a container takes a while to start.
	startDeadline = 30 * time.Second
	// vanishes is how long a peer may be silent. The payloads of a hundred targets fill a link for
	// tens of seconds, in which few of the control connections' segments come through.
	vanishes = 60 * time.Second
)

// request is what a connection begins with.
type request struct {
	Protocol int             `json:"protocol"`
	Program  results.Program `json:"program"`
	Proof    []byte          `json:"proof"`
	// Session is the ID of an earlier reply: that to which a shim belongs, or that which this session
	// replaces.
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
	// ForGood is set where a repeated request would fail as well.
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

// order is a driver's message in a session, and notice an agent's.
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

// receive reads one message. It reads only the length of one that is longer than longest, and fails.
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

// prove makes the proof that a driver knows the token, which is valid on this connection alone.
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

// tune makes the kernel notice a peer that has vanished: by the data that is not acknowledged, or else by
// a probe now and then, which disturbs no batch.
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
