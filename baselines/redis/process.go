package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rrbench/child"
	"rrbench/private"
	"rrbench/transport"
)

// program is looked for on PATH.
const program = "redis-server"

// mallocConf is the setting of the server's allocator, jemalloc. By default it returns
// every block over 8 MiB to the kernel as soon as it is freed, so that each payload
// faults all of its pages in anew, twice. A server that hands large payloads over all day
// is configured to keep them.
const mallocConf = "oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"

// settings of the server: nothing is written to disk, nothing is evicted, no client is cut off for
// the length of what it is sent, and deleting does not hold the next command up.
const settings = `
unixsocketperm 700
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

// directoryPrefix begins the names of the servers' directories.
const directoryPrefix = "rrbench-redis-"

// parents are where these may be: where temporary files belong, unless that is a relative path,
// or one so long that a socket's below it is none.
func parents() []string {
	const longest = 64
	if parent := os.TempDir(); filepath.IsAbs(parent) && len(parent) <= longest {
		return []string{parent}
	}
	return private.ShortParents()
}

// startTimeout bounds how long a server may take to answer.
const startTimeout = 10 * time.Second

// process is a server that this process has started.
type process struct {
	place
	// name is the program's.
	name    string
	command *exec.Cmd
	said    child.Tail
	// directory holds the Unix socket, and is the server's working directory.
	directory *private.Directory
	// ended is closed when the process has been waited for.
	ended chan struct{}
}

// hasEnded is false for no process.
func (p *process) hasEnded() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

var errPortTaken = errors.New("another process has the port")

// portAttempts is how often a port is chosen that another process takes meanwhile.
const portAttempts = 5

// start starts a server and waits until it answers: a redis-server, or where there is none
// what stands in for it.
func start(ctx context.Context, chosen place) (*process, error) {
	if chosen.Network != overTCP {
		return startAt(ctx, "")
	}
	for attempt := 1; ; attempt++ {
		listener, err := net.Listen("tcp", chosen.listenAt())
		if err != nil {
			return nil, fmt.Errorf("find a port: %w", err)
		}
		_ = listener.Close()
		p, err := startAt(ctx, listener.Addr().String())
		if attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return p, err
		}
	}
}

// startAt starts a server with a Unix socket, by which it is asked first, and a TCP address where
// one is given: once it answers it has both, and until then nothing is sent to that address.
func startAt(ctx context.Context, tcp string) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	directory, err := private.NewDirectoryIn(parents(), directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for %s: %w", program, err)
	}
	p := &process{
		place:     place{Private: true, Network: overUnix, Address: filepath.Join(directory.Path, "socket"), Password: rand.Text()},
		directory: directory,
		ended:     make(chan struct{}),
	}
	if hasServer() {
		p.name, p.command = program, p.redisServer(tcp)
	} else {
		p.name, p.command = standInName, p.standIn(tcp)
	}
	p.command.Dir, p.command.Stdout, p.command.Stderr = directory.Path, &p.said, &p.said
	if err = child.Start(p.command); err == nil {
		go func() {
			defer close(p.ended)
			_ = p.command.Wait()
		}()
		err = p.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.name, err), p.stop())
	}
	if tcp != "" {
		p.Network, p.Address = overTCP, tcp
	}
	return p, nil
}

// redisServer is the command. Its configuration goes through standard input, where no other
// user sees the password.
func (p *process) redisServer(tcp string) *exec.Cmd {
	host, port := transport.Loopback, "0"
	if tcp != "" {
		host, port, _ = net.SplitHostPort(tcp)
	}
	command := exec.Command(program, "-")
	command.Stdin = strings.NewReader(fmt.Sprintf("%sbind %s\nport %s\nunixsocket %q\nrequirepass %s\ndir %q\n", settings, host, port, p.Address, p.Password, p.directory.Path))
	// The second name is that of servers that have jemalloc built in.
	command.Env = append(os.Environ(), "MALLOC_CONF="+mallocConf, "JE_MALLOC_CONF="+mallocConf)
	return command
}

// await waits until the server answers.
func (p *process) await(ctx context.Context) error {
	for {
		c, err := connect(ctx, p.place, startTimeout)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return p.notStarted()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// notStarted is why a server has ended that never answered. What it said is kept in a file.
func (p *process) notStarted() error {
	_, all := p.said.Said()
	if strings.Contains(strings.ToLower(all), "address already in use") {
		return fmt.Errorf("%w: %w", errPortTaken, p.ending())
	}
	log := p.directory.Path + ".log"
	if err := os.WriteFile(log, []byte(all), 0o600); err != nil {
		return errors.Join(p.ending(), err)
	}
	return fmt.Errorf("%w (all that it said: %s)", p.ending(), log)
}

// ending is how the server has ended, with the last line that it said, less process and time.
func (p *process) ending() error {
	line, _ := p.said.Said()
	if _, message, stamped := strings.Cut(line, " # "); stamped {
		line = message
	}
	return fmt.Errorf("%s ended with %v: %s", p.name, p.command.ProcessState, line)
}

// loopback has the kernel choose the port.
const loopback = "127.0.0.1:0"

// listenAt has the kernel choose the port of a private server.
func (p place) listenAt() string { return net.JoinHostPort(cmp.Or(p.Address, transport.Loopback), "0") }

// stop ends the server, which has nothing to lose.
func (p *process) stop() error {
	if p.command.Process != nil {
		_ = p.command.Process.Kill()
		<-p.ended
	}
	return p.directory.Remove()
}
