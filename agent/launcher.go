package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rrbench/shim"
	"rrbench/transport"
)

// launcher starts shims by a launcher of the agent's.
type launcher struct {
	peer *Peer
	name string
}

var _ shim.Launcher = launcher{}

// Launcher has the agent start the shims of a transport.
func (p *Peer) Launcher(info transport.Info) shim.Launcher { return launcher{p, info.Launcher} }

// Check implements shim.Launcher. Lacks knows what the agent has said; it checks again at each start.
func (launcher) Check(string) error { return nil }

// Programs implements shim.Launcher: none of this host.
func (launcher) Programs() []string { return nil }

func (l launcher) Prepare(parameter string) (shim.Pod, error) {
	return pod{l, l.peer.present(), parameter}, nil
}

// pod is where the shims of one session run.
type pod struct {
	launcher
	hold      *hold
	parameter string
}

func (pod) Close() error { return nil }

// dies is how long a shim is waited for that was killed: the agent may be out of reach.
const dies = 5 * time.Second

func (s pod) Start(ctx context.Context, name string, runs transport.Runs) (*shim.Instance, error) {
	h := s.hold
	s.peer.mutex.Lock()
	s.peer.last++
	number := s.peer.last
	s.peer.mutex.Unlock()
	end := make(chan shim.ExitReason, 1)
	h.mutex.Lock()
	h.ends[number] = end
	h.mutex.Unlock()
	connection, answer, err := s.peer.connect(ctx, request{Session: h.id, Shim: &shimRequest{number, name, runs, s.name, s.parameter}})
	if err != nil {
		h.mutex.Lock()
		delete(h.ends, number)
		h.mutex.Unlock()
		return nil, s.peer.unreachable(err)
	}
	if answer.Shim == nil {
		return nil, errors.Join(errors.New("the agent did not start a shim"), connection.Close())
	}
	where := "at agent " + s.peer.join.Address
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
				return shim.ExitReason{Shim: name, Where: where, How: "is out of reach: " + h.reason().Error()}
			}
		},
		Kill: func() {
			_ = connection.NetConn().Close()
			h.send(order{Kill: &number})
			time.AfterFunc(dies, func() {
				h.mutex.Lock()
				_, runs := h.ends[number]
				h.mutex.Unlock()
				if runs {
					h.end(fmt.Errorf("it does not say within %v that a shim was killed", dies))
				}
			})
		},
	}, nil
}
