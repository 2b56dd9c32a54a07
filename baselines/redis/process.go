package redis

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rrbench/child"
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

// process is a server that this process has started.
type process struct {
	place
	// name is the program's.
	name    string
	command *exec.Cmd
	// output is what the server has said.
	output tail
	// directory holds the socket, and is the server's working directory.
	directory *directory
	// ended is closed when the process has been waited for.
	ended chan struct{}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// portAttempts is how often a port is chosen that somebody else takes meanwhile.
const portAttempts = 5

// start starts a server and waits until it answers: a redis-server, or where there is none
// what stands in for it.
func start(ctx context.Context, network Network) (p *process, err error) {
	if network != Unix && network != TCP {
		return nil, fmt.Errorf("redis-server over %q: use %q or %q", network, Unix, TCP)
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for range portAttempts {
		p, err = startOnce(ctx, network)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			break
		}
	}
	return p, err
}

func startOnce(ctx context.Context, network Network) (_ *process, err error) {
	p := &process{
		place: place{Network: network, Password: rand.Text()},
		name:  program,
		ended: make(chan struct{}),
	}
	if !hasServer() {
		p.name = standInName
	}
	if p.directory, err = newDirectory(os.TempDir()); err != nil {
		return nil, fmt.Errorf("make a directory for %s: %w", p.name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if err := p.choosePlace(); err != nil {
		return nil, err
	}
	if err := p.compose(); err != nil {
		return nil, err
	}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.Dir = p.directory.path
	p.command.WaitDelay = time.Second
	if err := child.Start(p.command); err != nil {
		path := p.command.Path
		p.command = nil
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait()
	}()
	return p, p.await(ctx)
}

// compose makes the command. What it is told goes through standard input, where nobody
// sees the password.
func (p *process) compose() error {
	if p.name == standInName {
		orders, err := json.Marshal(p.place)
		if err != nil {
			return err
		}
		p.command = exec.Command("/proc/self/exe", StandInCommand)
		p.command.Args[0] = os.Args[0]
		p.command.Stdin = bytes.NewReader(orders)
		return nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("start redis-server: %w (apt-get install redis-server)", err)
	}
	p.command = exec.Command(path, "-")
	p.command.Stdin = strings.NewReader(p.configuration())
	// The second name is that of servers that have jemalloc built in.
	p.command.Env = append(os.Environ(), "MALLOC_CONF="+mallocConf, "JE_MALLOC_CONF="+mallocConf)
	return nil
}

// choosePlace chooses the address.
func (p *process) choosePlace() error {
	if p.Network == Unix {
		p.Address = filepath.Join(p.directory.path, "socket")
		return nil
	}
	// The kernel names a free port. Should somebody else take it before the server does,
	// the server says so and ends.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a port for %s: %w", p.name, err)
	}
	p.Address = free.Addr().String()
	return free.Close()
}

func (p *process) configuration() string {
	listen := fmt.Sprintf("port 0\nunixsocket %q\nunixsocketperm 700\n", p.Address)
	if p.Network == TCP {
		_, port, _ := net.SplitHostPort(p.Address)
		listen = fmt.Sprintf("bind 127.0.0.1\nport %s\n", port)
	}
	return fmt.Sprintf("%s%srequirepass %s\ndir %q\n", settings, listen, p.Password, p.directory.path)
}

// await returns when the server answers or has ended.
func (p *process) await(ctx context.Context) error {
	for {
		client, err := connect(ctx, p.place, time.Second)
		if err == nil {
			return client.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("start %s: it ended with %v: %s", p.name, p.command.ProcessState, p.output.String())
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w: %w", p.name, ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop ends the server, which has nothing to lose.
func (p *process) stop() error {
	if p.command != nil {
		_ = p.command.Process.Kill()
		<-p.ended
	}
	return p.directory.remove()
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
