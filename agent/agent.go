package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"rrbench/foreign"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// Options configure an agent.
type Options struct {
	// Listen is the address, host:port. Targets listen on the IP address that a driver has reached.
	Listen string
	// Lifetime is for how long drivers are let in.
	Lifetime time.Duration
	// MemoryLimit is what the shims may have resident all together, in bytes; 0 is no limit.
	MemoryLimit int64
	// Program is this one, and what a driver must be.
	Program results.Program
	// Launcher finds a launcher by the name that transports know it by.
	Launcher func(name string) shim.Launcher
	// Facts looks at the node anew.
	Facts func() (Facts, error)
	// Log takes a line for each thing that the agent's user should know.
	Log func(line string)
}

// mostConnections bounds the connections that were admitted: of a session and its shims.
const mostConnections = 1100

// Agent is the second node's end.
type Agent struct {
	options  Options
	listener net.Listener
	config   *tls.Config
	join     Join

	pending  transport.Pending
	admitted chan struct{}
	work     sync.WaitGroup

	mutex sync.Mutex
	// session is that of the present driver, nil without one.
	session *session
	// refused has the hosts of which a refusal has been logged.
	refused map[string]bool
}

// Listen opens an agent, which answers during Serve.
func Listen(options Options) (*Agent, error) {
	certificate, fingerprint, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("make the agent's certificate: %w", err)
	}
	listener, err := net.Listen("tcp", options.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for drivers: %w", err)
	}
	a := &Agent{
		options:  options,
		listener: listener,
		config:   &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true},
		join:     Join{Address: reachable(listener.Addr()), Fingerprint: fingerprint, Token: make([]byte, tokenSize), Expires: time.Now().Add(options.Lifetime)},
		admitted: make(chan struct{}, mostConnections),
		refused:  make(map[string]bool),
	}
	_, _ = rand.Read(a.join.Token) // never fails, see crypto/rand
	return a, nil
}

// reachable is the address at which others reach a listener: where that listens on all interfaces,
// by the first address that is not this host's alone.
func reachable(address net.Addr) string {
	tcp := address.(*net.TCPAddr)
	if !tcp.IP.IsUnspecified() {
		return tcp.String()
	}
	addresses, _ := net.InterfaceAddrs()
	for _, one := range addresses {
		if network, ok := one.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			return net.JoinHostPort(network.IP.String(), fmt.Sprint(tcp.Port))
		}
	}
	return tcp.String()
}

// newCertificate is self-signed: a driver knows it by its fingerprint alone.
func newCertificate() (certificate tls.Certificate, fingerprint [32]byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, fingerprint, err
	}
	// The times are compared with nothing.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(10, 0, 0)}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{encoded}, PrivateKey: key}, sha256.Sum256(encoded), err
}

// Join is what a driver needs to know.
func (a *Agent) Join() Join { return a.join }

// Serve answers drivers until the context ends, and leaves nothing running.
func (a *Agent) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer a.work.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = a.listener.Close() })()
	for {
		connection, err := a.listener.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// A connection that ended before it was accepted, or no descriptor left (accept(2)).
			time.Sleep(10 * time.Millisecond)
			continue
		}
		a.work.Go(func() {
			defer connection.Close()
			defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
			a.serve(ctx, connection)
		})
	}
}

// serve takes one connection from its first byte to its end.
func (a *Agent) serve(ctx context.Context, raw net.Conn) {
	a.pending.Add(raw)
	defer a.pending.Remove(raw)
	_ = raw.SetDeadline(time.Now().Add(helloDeadline))
	connection := tls.Server(raw, a.config)
	asked, err := a.admit(ctx, raw, connection)
	if err != nil {
		a.refuse(ctx, raw, err)
		return
	}
	a.pending.Remove(raw)
	select {
	case a.admitted <- struct{}{}:
		defer func() { <-a.admitted }()
	default:
		err = fmt.Errorf("it has %d connections already", mostConnections)
	}
	if err == nil && ctx.Err() == nil {
		_ = raw.SetDeadline(time.Time{})
		if asked.Shim != nil {
			err = a.startShim(ctx, connection, asked)
		} else {
			err = a.openSession(raw, connection, asked)
		}
	}
	if err != nil {
		a.refuse(ctx, raw, err)
		_ = raw.SetDeadline(time.Now().Add(helloDeadline))
		_ = send(connection, reply{Error: foreign.Error(err)})
		_ = connection.Close()
	}
}

// admit reads the request of a connection. It sends the reason of a refusal only to a driver that has
// proven that it knows the token.
func (a *Agent) admit(ctx context.Context, raw net.Conn, connection *tls.Conn) (asked request, err error) {
	if err := tune(raw); err != nil {
		return asked, err
	}
	if err := connection.HandshakeContext(ctx); err != nil {
		return asked, fmt.Errorf("TLS: %w", err)
	}
	if err := receive(connection, longestRequest, &asked); err != nil {
		return asked, fmt.Errorf("read the request: %w", err)
	}
	refusal := func(format string, arguments ...any) error {
		err := fmt.Errorf(format, arguments...)
		_ = send(connection, reply{Error: err.Error(), ForGood: true})
		_ = connection.Close()
		return err
	}
	proof, err := prove(connection, a.join.Token)
	if err != nil {
		return asked, err
	}
	if !hmac.Equal(proof, asked.Proof) {
		return asked, refusal("the token is not this agent's: take the join line that it has printed")
	}
	if theirs, ours := asked.Program, a.options.Program; asked.Protocol != protocol || !same(theirs, ours) {
		return asked, refusal("the agent is rrbench %v with protocol %d, and the driver rrbench %v with protocol %d: run the same program on both nodes",
			ours, protocol, theirs, asked.Protocol)
	}
	if time.Now().After(a.join.Expires) && a.sessionOf(asked.Session) == nil {
		return asked, refusal("the join line has expired, at %s: start the agent again", a.join.Expires.UTC().Format(time.RFC3339))
	}
	return asked, nil
}

// same reports whether two programs understand one another: they are of the same commit, or, where that
// is not known, the same file.
func same(a, b results.Program) bool {
	committed := a.Version != results.UnknownVersion && !strings.HasSuffix(a.Version, results.Modified)
	return a.Digest == b.Digest || a.Version == b.Version && committed
}

// refuse logs why a connection has ended, once for each host.
func (a *Agent) refuse(ctx context.Context, connection net.Conn, err error) {
	host, _, _ := net.SplitHostPort(connection.RemoteAddr().String())
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if ctx.Err() != nil || a.refused[host] || len(a.refused) == mostRefused {
		return
	}
	a.refused[host] = true
	line := fmt.Sprintf("refused %s: %s (later refusals of this host are not logged)", connection.RemoteAddr(), foreign.Error(err))
	if len(a.refused) == mostRefused {
		line += "; those of other hosts neither"
	}
	a.options.Log(line)
}

const mostRefused = 100
