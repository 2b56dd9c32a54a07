package redis

import (
	"context"
	"errors"
	"sync"

	"rrbench/measure"
)

// server is what routes of this process share: one of the process' own, or a user's.
type server struct {
	place
	// process is nil for a user's.
	process *process
	holds   capacity
	usage   usage
	// chosenAs is its name in servers, users how many routes it has: servers guards both.
	chosenAs place
	users    int
}

// usage tells what a server uses of its machine.
type usage interface {
	// Take returns what was used since the last Take, or since the beginning.
	Take() (measure.Usage, error)
	Memory() (measure.Memory, error)
	Close() error
}

// servers are those in use.
var servers = struct {
	sync.Mutex
	inUse map[place]*server
}{inUse: make(map[place]*server)}

// use returns the server of a choice: a private one runs until all routes have released it,
// and one that has died is replaced.
func use(ctx context.Context, at place) (*server, error) {
	servers.Lock()
	defer servers.Unlock()
	s := servers.inUse[at]
	if s == nil || s.process.hasEnded() {
		var err error
		if s, err = newServer(ctx, at); err != nil {
			return nil, err
		}
		s.chosenAs = at
		servers.inUse[at] = s
	}
	s.users++
	return s, nil
}

func newServer(ctx context.Context, at place) (*server, error) {
	if !at.Private {
		return attach(ctx, at)
	}
	p, err := start(ctx, at)
	if err != nil {
		return nil, err
	}
	meter, err := measure.NewProcessMeter(p.command.Process.Pid)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &server{place: p.place, process: p, holds: capacity{value: valueLimit}, usage: meter}, nil
}

func (s *server) release() error {
	servers.Lock()
	defer servers.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	if servers.inUse[s.chosenAs] == s {
		delete(servers.inUse, s.chosenAs)
	}
	err := s.usage.Close()
	if s.process != nil {
		err = errors.Join(err, s.process.stop())
	}
	return err
}
