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
	"strconv"
	"strings"
	"time"

	"rrbench/child"
	"rrbench/foreign"
	"rrbench/private"
	"rrbench/transport"
)

// program is looked for on PATH.
const program = "redis-server"

// mallocConf is the setting of the server's allocator, jemalloc. By default it returns
// every block over 8 MiB to the kernel as soon as it is freed, so that each payload
// faults all of its pages in anew, twice. A server that hands large payloads over all day
// would be told to keep them.
const mallocConf = "oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"

// settings of the server: it begins without a TCP port, nothing is written to disk, nothing is evicted, no client is cut
// off for the length of what it is sent, and deleting does not hold the next command up.
const settings = `
port 0
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
	// directory holds the Unix socket and what the server says, and is its working directory.
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

// start starts a server and waits until it answers: a redis-server, or where there is none
// what stands in for it.
func start(ctx context.Context, of place) (_ *process, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p := &process{name: program, ended: make(chan struct{})}
	compose := p.compose
	if !hasServer() {
		p.name, compose = standInName, p.composeStandIn
	}
	if p.directory, err = private.NewDirectoryIn(parents(), directoryPrefix); err != nil {
		return nil, fmt.Errorf("make a directory for %s: %w", p.name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start %s: %w", p.name, err), p.stop())
		}
	}()
	p.place = place{Private: true, Network: overUnix, Address: filepath.Join(p.directory.Path, "socket"), Password: rand.Text()}
	if p.command, err = compose(of); err != nil {
		return nil, err
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	c, err := p.await(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if p.Network != of.Network {
		return p, p.openPort(ctx, c, func() (net.Addr, error) { return freeAddress(of.listenAt()) })
	}
	return p, nil
}

// run starts the command.
func (p *process) run() error {
	output, err := os.Create(p.output())
	if err != nil {
		return err
	}
	p.command.Stdout, p.command.Stderr, p.command.Dir = output, output, p.directory.Path
	err = child.Start(p.command)
	for _, file := range append(p.command.ExtraFiles, output) {
		_ = file.Close()
	}
	if err != nil {
		p.command = nil
		return err
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait()
	}()
	return nil
}

// output is the file of what the server says.
func (p *process) output() string { return filepath.Join(p.directory.Path, "output") }

// ending is how the server has ended, with the last line that it said, less process and time.
func (p *process) ending() error {
	said, _ := os.ReadFile(p.output())
	why := child.LastLine(string(said))
	if _, message, stamped := strings.Cut(why, " # "); stamped {
		why = message
	}
	return fmt.Errorf("%s ended with %v: %s", p.name, p.command.ProcessState, foreign.Line(why, foreign.Usual))
}

// keepOutput leaves what the server said in a file beside its directory, and returns the path.
func (p *process) keepOutput() (path string, err error) {
	path = p.directory.Path + ".log"
	return path, os.Rename(p.output(), path)
}

// compose makes the command. Its configuration goes through standard input, where no other
// user sees the password.
func (p *process) compose(of place) (*exec.Cmd, error) {
	command := exec.Command(program, "-")
	command.Stdin = strings.NewReader(fmt.Sprintf("%sbind %s\nunixsocket %q\nrequirepass %s\ndir %q\n", settings, cmp.Or(of.Address, transport.Loopback), p.Address, p.Password, p.directory.Path))
	// The second name is that of servers that have jemalloc built in.
	command.Env = append(os.Environ(), "MALLOC_CONF="+mallocConf, "JE_MALLOC_CONF="+mallocConf)
	return command, nil
}

// composeStandIn makes the command of the stand-in, which inherits its listener.
func (p *process) composeStandIn(of place) (*exec.Cmd, error) {
	if of.Network == overTCP {
		p.Network, p.Address = overTCP, of.listenAt()
	}
	listener, err := net.Listen(p.Network, p.Address)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	if socket, ok := listener.(*net.UnixListener); ok {
		socket.SetUnlinkOnClose(false)
	}
	p.Address = listener.Addr().String()
	file, err := listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return nil, err
	}
	command := exec.Command("/proc/self/exe", StandInCommand)
	command.Args[0] = os.Args[0]
	command.Stdin = strings.NewReader(p.Password)
	command.ExtraFiles = []*os.File{file}
	return command, nil
}

// await returns a client when the server answers.
func (p *process) await(ctx context.Context) (*client, error) {
	for {
		c, err := connect(ctx, p.place, startTimeout)
		if err == nil {
			return c, nil
		}
		select {
		case <-p.ended:
			err := p.ending()
			log, keepErr := p.keepOutput()
			if keepErr != nil {
				return nil, errors.Join(err, keepErr)
			}
			return nil, fmt.Errorf("%w (all that it said: %s)", err, log)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// portAttempts is how often a port is chosen that another process takes meanwhile.
const portAttempts = 5

// openPort has the server listen over TCP, too. It refuses a port that another process has;
// until it has one, nothing is sent to any.
func (p *process) openPort(ctx context.Context, c *client, choose func() (net.Addr, error)) error {
	var err error
	for range portAttempts {
		address, chooseErr := choose()
		if chooseErr != nil {
			return fmt.Errorf("find a port: %w", chooseErr)
		}
		if err = c.ConfigSet(ctx, "port", strconv.Itoa(address.(*net.TCPAddr).Port)).Err(); err == nil {
			p.Network, p.Address = overTCP, address.String()
			return nil
		}
	}
	return explain("open a port", err)
}

// loopback has the kernel choose the port.
const loopback = "127.0.0.1:0"

// listenAt has the kernel choose the port of a private server.
func (p place) listenAt() string { return net.JoinHostPort(cmp.Or(p.Address, transport.Loopback), "0") }

// freeAddress is one that no process listens on at this moment.
func freeAddress(at string) (net.Addr, error) {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	return listener.Addr(), listener.Close()
}

// stop ends the server, which has nothing to lose.
func (p *process) stop() error {
	if p.command != nil {
		_ = p.command.Process.Kill()
		<-p.ended
	}
	return p.directory.Remove()
}
