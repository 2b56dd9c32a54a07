package agent

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/procfs"

	"rrbench/measure"
	"rrbench/measure/offset"
	"rrbench/shim"
)

// session is the agent's side of what it does for a driver.
type session struct {
	agent *Agent
	id    string
	// connection carries notices to the driver; sending guards their writing.
	connection *tls.Conn
	sending    sync.Mutex

	mutex sync.Mutex
	ended bool
	shims map[int]*started
	// work counts the goroutines of shims' connections, of the clock and of the memory's limit.
	work sync.WaitGroup
}

type started struct {
	instance   *shim.Instance
	connection *tls.Conn
	// pid is its process number, 0 until it is needed.
	pid int
	// why is the reason where the agent has killed it by itself.
	why string
}

// goodbye is how long a shim may live on when its connection is closed.
const goodbye = 8 * time.Second

// sessionOf returns the present session if it has that ID, else nil.
func (a *Agent) sessionOf(id string) *session {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.session == nil || id == "" || a.session.id != id {
		return nil
	}
	return a.session
}

// openSession serves a driver until its connection ends.
func (a *Agent) openSession(raw net.Conn, connection *tls.Conn, asked request) error {
	if former := a.sessionOf(asked.Session); former != nil {
		former.end() // the driver has lost it
	}
	s := &session{agent: a, id: rand.Text(), connection: connection, shims: make(map[int]*started)}
	a.mutex.Lock()
	if other := a.session; other != nil {
		a.mutex.Unlock()
		return fmt.Errorf("another driver, %v, is measuring with this agent: wait for its end, or start another agent", other.connection.RemoteAddr())
	}
	a.session = s
	a.mutex.Unlock()
	defer s.end()
	facts, err := a.facts(raw)
	if err != nil {
		return err
	}
	at := raw.LocalAddr().(*net.TCPAddr)
	clock, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Zone: at.Zone})
	if err != nil {
		return fmt.Errorf("open the clock: %w", err)
	}
	defer clock.Close()
	cookie := offset.NewCookie()
	s.work.Go(func() { _ = offset.Respond(clock, cookie) })
	if err := send(connection, reply{Session: s.id, Facts: &facts, Clock: clock.LocalAddr().String(), Cookie: cookie}); err != nil {
		return err
	}
	a.options.Log(fmt.Sprintf("driver %v has joined", raw.RemoteAddr()))
	defer func() { a.options.Log(fmt.Sprintf("driver %v has left", raw.RemoteAddr())) }()
	if a.options.MemoryLimit > 0 {
		done := make(chan struct{})
		defer close(done)
		s.work.Go(func() { s.watchMemory(done) })
	}
	for {
		var o order
		if err := receive(connection, longestRequest, &o); err != nil {
			return nil // it has left, or was lost
		}
		if o.Kill != nil {
			s.mutex.Lock()
			if one := s.shims[*o.Kill]; one != nil {
				one.instance.Kill()
			}
			s.mutex.Unlock()
		}
		if o.Ping {
			s.notify(notice{Pong: true})
		}
	}
}

func (a *Agent) facts(raw net.Conn) (Facts, error) {
	f, err := a.options.Facts()
	if err != nil {
		return f, fmt.Errorf("look at this node: %w", err)
	}
	f.Address = raw.LocalAddr().(*net.TCPAddr).IP.String()
	f.Peer.Program = a.options.Program
	f.Peer.Link.Here = measure.InterfaceOf(raw)
	if limit := a.options.MemoryLimit; limit > 0 {
		f.Memory = min(f.Memory, limit)
	}
	return f, nil
}

// end ends all that belongs to the session, and waits until it has ended.
func (s *session) end() {
	s.mutex.Lock()
	s.ended = true
	for _, one := range s.shims {
		one.instance.Kill()
		_ = one.connection.NetConn().Close()
	}
	s.mutex.Unlock()
	_ = s.connection.NetConn().Close()
	s.work.Wait()
	s.agent.mutex.Lock()
	defer s.agent.mutex.Unlock()
	if s.agent.session == s {
		s.agent.session = nil
	}
}

// notify sends a notice. It ignores errors: the connection of a driver that takes none is about to end.
func (s *session) notify(n notice) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.connection.SetWriteDeadline(time.Now().Add(helloDeadline))
	_ = send(s.connection, n)
}

// begin adds a connection to the session's work. It returns false when the session has ended, or is nil.
func (s *session) begin() bool {
	if s == nil {
		return false
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return false
	}
	s.work.Add(1)
	return true
}

// startShim starts a shim, and connects it to the driver until both have ended.
func (a *Agent) startShim(ctx context.Context, connection *tls.Conn, asked request) error {
	s, wanted := a.sessionOf(asked.Session), asked.Shim
	if !s.begin() {
		return errors.New("the session has ended: the driver must join again")
	}
	defer s.work.Done()
	launcher := a.options.Launcher(wanted.Launcher)
	if err := launcher.Check(wanted.Parameter); err != nil {
		return err
	}
	pod, err := launcher.Prepare(wanted.Parameter)
	if err != nil {
		return err
	}
	defer pod.Close()
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	instance, err := pod.Start(ctx, wanted.Name, wanted.Runs)
	if err != nil {
		return err
	}
	one := &started{instance: instance, connection: connection}
	s.mutex.Lock()
	if s.shims[wanted.Number] != nil || s.ended {
		instance.Kill() // the driver is confused, or gone
	} else {
		s.shims[wanted.Number] = one
	}
	s.mutex.Unlock()
	exit := make(chan shim.ExitReason, 1)
	go func() { exit <- instance.Wait() }()
	reason := s.join(one, exit)
	s.mutex.Lock()
	delete(s.shims, wanted.Number)
	if one.why != "" {
		reason.How = one.why
	}
	s.mutex.Unlock()
	s.notify(notice{Ended: &wanted.Number, Exit: &reason})
	return nil
}

// join copies between a driver and a shim, and returns how the shim has ended.
func (s *session) join(one *started, exit <-chan shim.ExitReason) (reason shim.ExitReason) {
	instance, connection := one.instance, one.connection
	if err := send(connection, reply{Shim: &shimReply{Parent: instance.Parent, Program: instance.Program}}); err != nil {
		instance.Kill()
	}
	left, said := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		_, _ = io.Copy(instance.Connection, connection)
		_ = instance.Connection.Close() // by which the shim sees that the driver has left
	}()
	go func() {
		defer close(said)
		_, _ = io.Copy(connection, instance.Connection)
	}()
	select {
	case reason = <-exit:
	case <-left:
		select {
		case reason = <-exit:
		case <-time.After(goodbye):
			instance.Kill()
			reason = <-exit
		}
	}
	// The last bytes of the shim may still be on their way.
	_ = connection.SetWriteDeadline(time.Now().Add(helloDeadline))
	select {
	case <-said:
	case <-time.After(helloDeadline): // a process of the shim's own holds its socket
	}
	_ = connection.Close()
	_ = instance.Connection.Close()
	<-left
	<-said
	return reason
}

// memoryEvery is how often the shims' memory is read where it has a limit.
const memoryEvery = time.Second

// watchMemory kills all shims when together they have more memory resident than they may.
func (s *session) watchMemory(done <-chan struct{}) {
	limit := uint64(s.agent.options.MemoryLimit)
	ticks := time.NewTicker(memoryEvery)
	defer ticks.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticks.C:
		}
		s.mutex.Lock()
		var resident uint64
		for _, one := range s.shims {
			if one.pid == 0 {
				one.pid, _ = one.instance.PID()
			}
			// A shim whose process does not exist yet, or has ended, has no memory.
			if p, err := procfs.NewProc(one.pid); err == nil {
				if stat, err := p.Stat(); err == nil {
					resident += uint64(stat.ResidentMemory())
				}
			}
		}
		if resident > limit {
			for _, one := range s.shims {
				one.why = fmt.Sprintf("was killed: the shims there had %s of memory, and may have %s (--memory-limit of the agent)", humanize.IBytes(resident), humanize.IBytes(limit))
				one.instance.Kill()
			}
		}
		s.mutex.Unlock()
	}
}
