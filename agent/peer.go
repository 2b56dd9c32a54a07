package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rrbench/measure"
	"rrbench/measure/offset"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

const (
	// dialDeadline is for a connection to be made, and pingDeadline for an answer in a session.
	dialDeadline = 5 * time.Second
	pingDeadline = 5 * time.Second
	// returns is how long a lost agent is dialed again.
	returns = 15 * time.Second
)

// Peer is a driver's handle on an agent. Its methods may be called by several goroutines.
type Peer struct {
	join    Join
	program results.Program

	mutex sync.Mutex
	hold  *hold
	// lost is why the agent was given up.
	lost error
	// last is the number of the last shim.
	last atomic.Int64
}

// Dial joins the agent of a join line. Program is the driver's.
func Dial(ctx context.Context, line string, program results.Program) (*Peer, error) {
	join, err := ParseJoin(line)
	if err != nil {
		return nil, err
	}
	p := &Peer{join: join, program: program}
	p.hold, err = p.open(ctx, "")
	return p, err
}

// unreachable makes an error after which a sweep can be resumed.
func (p *Peer) unreachable(err error) error {
	return &transport.Unavailable{
		Transport: "between nodes",
		Reason:    fmt.Sprintf("agent %s: %v", p.join.Address, err),
		Remedy:    "look after it, and go on with --resume DIR --peer JOIN",
	}
}

// errRefused is of requests that would fail again.
var errRefused = errors.New("it refuses")

func (p *Peer) connect(ctx context.Context, asked request) (_ *tls.Conn, answer reply, err error) {
	dialing, cancel := context.WithTimeout(ctx, dialDeadline)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(dialing, "tcp", p.join.Address)
	if err != nil {
		return nil, answer, err
	}
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := tune(raw); err != nil {
		return nil, answer, err
	}
	// The certificate is its own authority; verify compares it with the join line.
	connection := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyConnection: p.verify})
	if err := connection.HandshakeContext(dialing); err != nil {
		if dialing.Err() != nil {
			err = fmt.Errorf("it does not answer within %v", dialDeadline)
		}
		return nil, answer, err
	}
	asked.Protocol, asked.Program = protocol, p.program
	if asked.Proof, err = prove(connection, p.join.Token); err != nil {
		return nil, answer, err
	}
	_ = raw.SetDeadline(time.Now().Add(startDeadline + dialDeadline))
	if err := send(connection, asked); err != nil {
		return nil, answer, err
	}
	if err := receive(connection, longestReply, &answer); err != nil {
		return nil, answer, fmt.Errorf("read its reply: %w", err)
	}
	_ = raw.SetDeadline(time.Time{})
	switch {
	case answer.Error != "" && answer.ForGood:
		return nil, answer, fmt.Errorf("%w: %s", errRefused, answer.Error)
	case answer.Error != "":
		return nil, answer, errors.New(answer.Error)
	}
	return connection, answer, nil
}

func (p *Peer) verify(state tls.ConnectionState) error {
	presented := sha256.Sum256(state.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(presented[:], p.join.Fingerprint[:]) != 1 {
		return fmt.Errorf("%w: its certificate has the fingerprint %x, and the join line says %x: take the line that the agent has printed, and look who listens there",
			errRefused, presented, p.join.Fingerprint)
	}
	return nil
}

// hold is a driver's side of a session.
type hold struct {
	id         string
	facts      Facts
	connection *tls.Conn
	sending    sync.Mutex
	pongs      chan struct{}
	// clock is where the agent answers for its clock, to the cookie; asking guards it.
	asking sync.Mutex
	clock  *net.UDPConn
	cookie offset.Cookie
	// life ends with the session, and its cause is the reason. over is closed when nothing of it is left.
	life context.Context
	stop context.CancelCauseFunc
	over chan struct{}
	// ends has, by a shim's number, the chan shim.ExitReason of one that runs.
	ends sync.Map
}

// open begins a session, in place of a former one if there was any.
func (p *Peer) open(ctx context.Context, former string) (*hold, error) {
	var clock *net.UDPConn
	connection, answer, err := p.connect(ctx, request{Session: former})
	if err == nil {
		if clock, err = answer.dialClock(); err != nil {
			err = errors.Join(err, connection.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("agent %s: %w", p.join.Address, err)
	}
	h := &hold{
		id: answer.Session, facts: *answer.Facts, connection: connection, clock: clock, cookie: answer.Cookie,
		pongs: make(chan struct{}, 1), over: make(chan struct{}),
	}
	h.life, h.stop = context.WithCancelCause(context.Background())
	h.facts.Peer.Address = p.join.Address
	link := &h.facts.Peer.Link
	link.Here, link.There = measure.InterfaceOf(connection.NetConn()), link.Here
	link.Congestion, link.RTTNs = measure.PathOf(connection.NetConn())
	go h.listen()
	return h, nil
}

// dialClock checks a session's reply, and connects to its clock.
func (r *reply) dialClock() (*net.UDPConn, error) {
	if r.Facts == nil || net.ParseIP(r.Facts.Address) == nil {
		return nil, errors.New("it did not say what it is")
	}
	at, err := netip.ParseAddrPort(r.Clock)
	if err != nil {
		return nil, fmt.Errorf("address of its clock: %w", err)
	}
	return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
}

func (h *hold) listen() {
	for {
		var n notice
		if err := receive(h.connection, longestReply, &n); err != nil {
			h.end(fmt.Errorf("the connection to it has ended: %w", err))
			_ = h.clock.Close()
			close(h.over)
			return
		}
		if n.Pong {
			select {
			case h.pongs <- struct{}{}:
			default:
			}
		}
		if n.Ended != nil && n.Exit != nil {
			if end, runs := h.ends.LoadAndDelete(*n.Ended); runs {
				end.(chan shim.ExitReason) <- *n.Exit
			}
		}
	}
}

// end ends the session; the first reason counts.
func (h *hold) end(why error) {
	h.stop(why)
	_ = h.connection.NetConn().Close()
}

func (h *hold) send(o order) {
	h.sending.Lock()
	defer h.sending.Unlock()
	_ = h.connection.SetWriteDeadline(time.Now().Add(pingDeadline))
	_ = send(h.connection, o) // after a failure no answer comes
}

func (h *hold) ping(ctx context.Context) error {
	h.send(order{Ping: true})
	select {
	case <-h.pongs:
		return nil
	case <-h.over:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pingDeadline):
		h.end(fmt.Errorf("it does not answer within %v", pingDeadline))
		<-h.over
	}
	return context.Cause(h.life)
}

// Reach makes sure that the agent answers, and joins it again if the connection was lost. An agent that
// does not return in time is given up: every later call returns the same error.
func (p *Peer) Reach(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.lost != nil {
		return p.lost
	}
	err := p.hold.ping(ctx)
	for until := time.Now().Add(returns); err != nil && ctx.Err() == nil; {
		again, failure := p.open(ctx, p.hold.id)
		if failure == nil {
			p.hold = again
			return nil
		}
		// An agent that was started anew has another join line.
		if errors.Is(failure, errRefused) || errors.Is(failure, syscall.ECONNREFUSED) || time.Now().After(until) {
			p.lost = p.unreachable(fmt.Errorf("%w; joined again: %w", err, failure))
			return p.lost
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (p *Peer) present() *hold {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.hold
}

// Facts describe the agent's node, for the manifest of a run.
func (p *Peer) Facts() results.Peer { return p.present().facts.Peer }

// Memory is how many bytes shims there may take.
func (p *Peer) Memory() int64 { return p.present().facts.Memory }

// Lacks returns why cells of a transport and an engine cannot have their targets there, empty where they
// can.
func (p *Peer) Lacks(info transport.Info, engine string) string {
	facts := p.present().facts
	if reason := cmp.Or(facts.Transports[info.Name], facts.Engines[engine]); reason != "" {
		return "at agent " + p.join.Address + ": " + reason
	}
	return ""
}

// Close leaves the agent, which then ends all shims of this driver.
func (p *Peer) Close() error {
	h := p.present()
	h.end(errors.New("it has been left"))
	<-h.over
	return nil
}

// Clock estimates the difference of the agent's clock from this host's. It takes some milliseconds.
func (p *Peer) Clock(ctx context.Context) (offset.Estimate, error) {
	h := p.present()
	h.asking.Lock()
	defer h.asking.Unlock()
	return offset.Measure(ctx, h.clock, h.cookie)
}

// launcher starts shims by a launcher of the agent's, and is the pod of those of one session.
type launcher struct {
	peer            *Peer
	name, parameter string
	hold            *hold
}

// Launcher makes the agent start the shims of a transport.
func (p *Peer) Launcher(info transport.Info) shim.Launcher {
	return launcher{peer: p, name: info.Launcher}
}

// Check implements shim.Launcher. Lacks has the agent's own checks, which it repeats at each start.
func (launcher) Check(string) error { return nil }

// Programs implements shim.Launcher: none of this host.
func (launcher) Programs() []string { return nil }

func (l launcher) Prepare(parameter string) (shim.Pod, error) {
	l.hold, l.parameter = l.peer.present(), parameter
	return l, nil
}

func (launcher) Close() error { return nil }

// dies is how long the agent may take to report that it has killed a shim: it may be out of reach.
const dies = 5 * time.Second

func (l launcher) Start(ctx context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	h, number, end := l.hold, int(l.peer.last.Add(1)), make(chan shim.ExitReason, 1)
	h.ends.Store(number, end)
	connection, answer, err := l.peer.connect(ctx, request{Session: h.id, Shim: &shimRequest{number, name, runs, l.name, l.parameter}})
	if err != nil {
		h.ends.Delete(number)
		return nil, l.peer.unreachable(err)
	}
	if answer.Shim == nil {
		return nil, errors.Join(errors.New("the agent did not start a shim"), connection.Close())
	}
	where := "at agent " + l.peer.join.Address
	return &shim.Instance{
		Connection: connection,
		Parent:     answer.Shim.Parent,
		Address:    h.facts.Address,
		Program:    answer.Shim.Program + " " + where,
		PID:        func() (int, error) { return 0, fmt.Errorf("shim %s runs %s", name, where) },
		Wait: func() shim.ExitReason {
			select {
			case reason := <-end:
				reason.Where += " " + where
				return reason
			case <-h.over:
				return shim.ExitReason{Shim: name, Where: where, How: "is out of reach: " + context.Cause(h.life).Error()}
			}
		},
		Kill: func() {
			_ = connection.NetConn().Close()
			h.send(order{Kill: &number})
			time.AfterFunc(dies, func() {
				if _, runs := h.ends.Load(number); runs {
					h.end(fmt.Errorf("it does not say within %v that a shim was killed", dies))
				}
			})
		},
	}, nil
}
