package redis

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rrbench/measure"
)

// program is looked for on PATH.
const program = "redis-server"

// mallocConf is the setting of the server's allocator, jemalloc. By default it returns
// every block over 8 MiB to the kernel as soon as it is freed, so that each payload
// faults all of its pages in anew, twice. A server that hands large payloads over all day
// would be told to keep them.
const mallocConf = "oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"

// settings of the server: nothing is written to disk, nothing is evicted, no client is cut
// off for the length of what it is sent, and deleting does not hold the next command up.
const settings = `
daemonize no
supervised no
loglevel warning
logfile ""
save ""
appendonly no
databases 1
maxmemory 0
maxmemory-policy noeviction
lazyfree-lazy-user-del yes
lazyfree-lazy-server-del yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit pubsub 0 0 0
timeout 0
tcp-keepalive 0
`

// startPatience bounds how long a server may take to answer.
const startPatience = 10 * time.Second

// server is a redis-server that this process has started. Routes of this process share it.
type server struct {
	place
	meter   *measure.ProcessMeter
	command *exec.Cmd
	// output is what the server has said.
	output tail
	// directory holds the socket, and is the server's working directory.
	directory *directory
	// ended is closed when the process has been waited for.
	ended chan struct{}
	// users is guarded by servers.
	users int
}

// servers are those that run, one a network at most.
var servers = struct {
	sync.Mutex
	running map[Network]*server
}{running: make(map[Network]*server)}

// use returns the process' server, which runs until everybody has released it. One that has
// died is replaced.
func use(ctx context.Context, network Network) (*server, error) {
	servers.Lock()
	defer servers.Unlock()
	s := servers.running[network]
	if s == nil || s.hasEnded() {
		var err error
		if s, err = start(ctx, network); err != nil {
			return nil, err
		}
		servers.running[network] = s
	}
	s.users++
	return s, nil
}

func (s *server) release() error {
	servers.Lock()
	defer servers.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	if servers.running[s.Network] == s {
		delete(servers.running, s.Network)
	}
	return s.stop()
}

func (s *server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// start starts a server and waits until it answers.
func start(ctx context.Context, network Network) (_ *server, err error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w (apt-get install redis-server)", err)
	}
	s := &server{
		place: place{Network: network, Password: rand.Text()},
		ended: make(chan struct{}),
	}
	if s.directory, err = newDirectory(os.TempDir()); err != nil {
		return nil, fmt.Errorf("make a directory for redis-server: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	configuration, err := s.configure()
	if err != nil {
		return nil, err
	}
	// The configuration goes through standard input, where nobody sees the password.
	s.command = exec.Command(path, "-")
	s.command.Stdin = strings.NewReader(configuration)
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	s.command.Dir = s.directory.path
	s.command.WaitDelay = time.Second
	// The second name is that of servers that have jemalloc built in.
	s.command.Env = append(os.Environ(), "MALLOC_CONF="+mallocConf, "JE_MALLOC_CONF="+mallocConf)
	if err := startEndingWithParent(s.command); err != nil {
		s.command = nil
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go func() {
		defer close(s.ended)
		_ = s.command.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := s.await(ctx); err != nil {
		return nil, err
	}
	if s.meter, err = measure.NewProcessMeter(s.command.Process.Pid); err != nil {
		return nil, err
	}
	return s, nil
}

// configure chooses the address and writes the configuration.
func (s *server) configure() (string, error) {
	var listen string
	switch s.Network {
	case Unix:
		s.Address = filepath.Join(s.directory.path, "socket")
		listen = fmt.Sprintf("port 0\nunixsocket %q\nunixsocketperm 700\n", s.Address)
	case TCP:
		// The kernel names a free port. Should somebody else take it before the server
		// does, the server says so and ends.
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("find a port for redis-server: %w", err)
		}
		s.Address = free.Addr().String()
		_, port, _ := net.SplitHostPort(s.Address)
		_ = free.Close()
		listen = fmt.Sprintf("bind 127.0.0.1\nport %s\n", port)
	default:
		return "", fmt.Errorf("redis-server over %q: use %q or %q", s.Network, Unix, TCP)
	}
	return fmt.Sprintf("%s%srequirepass %s\ndir %q\n", settings, listen, s.Password, s.directory.path), nil
}

// await returns when the server answers or has ended.
func (s *server) await(ctx context.Context) error {
	for {
		client, err := connect(ctx, s.place, time.Second)
		if err == nil {
			return client.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("start redis-server: it ended with %v: %s", s.command.ProcessState, s.output.String())
		case <-ctx.Done():
			return fmt.Errorf("start redis-server: %w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop ends the server, which has nothing to lose.
func (s *server) stop() error {
	if s.command != nil {
		_ = s.command.Process.Kill()
		<-s.ended
	}
	if s.meter != nil {
		_ = s.meter.Close()
	}
	return s.directory.remove()
}

// memory is the server's peak.
func (s *server) memory() (measure.Memory, error) {
	return measure.ProcessMemory(s.command.Process.Pid)
}

// tail keeps the end of what is written to it.
type tail struct {
	mutex sync.Mutex
	kept  []byte
}

const tailLimit = 1 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.kept = append(t.kept, p...)
	if surplus := len(t.kept) - tailLimit; surplus > 0 {
		t.kept = append(t.kept[:0], t.kept[surplus:]...)
	}
	return len(p), nil
}

// String is one line.
func (t *tail) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(bytes.Join(bytes.Fields(t.kept), []byte(" ")))
}
