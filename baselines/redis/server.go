package redis

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"golang.org/x/sync/errgroup"

	"rrbench/child"
	"rrbench/measure"
	"rrbench/private"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// server is what routes of this process share: a private one, or a user's.
type server struct {
	place
	holds capacity
	usage usage
	// users is how many routes it has; servers guards it.
	users int

	// The rest is of a private one: the program's name, its process, and the directory that holds the
	// Unix socket.
	name      string
	daemon    *child.Daemon
	directory *private.Directory
}

// usage tells what a server uses of its machine.
type usage interface {
	// Take returns what was used since the last Take, or since the beginning.
	Take() (measure.Usage, error)
	Memory() (measure.Memory, error)
	Close() error
}

// servers are those in use, by how they were chosen.
var servers = struct {
	sync.Mutex
	inUse map[place]*server
}{inUse: make(map[place]*server)}

// use returns the server of a choice: a private one runs until all routes have released it,
// and one that has died is replaced.
func use(ctx context.Context, at place) (_ *server, err error) {
	servers.Lock()
	defer servers.Unlock()
	s := servers.inUse[at]
	if s == nil || s.daemon.HasEnded() {
		begin := attach
		if at.Private {
			begin = start
		}
		if s, err = begin(ctx, at); err != nil {
			return nil, err
		}
		servers.inUse[at] = s
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
	maps.DeleteFunc(servers.inUse, func(_ place, other *server) bool { return other == s })
	return s.stop()
}

// stop ends a private server, which has nothing to lose, and the metering of any.
func (s *server) stop() (err error) {
	if s.usage != nil {
		err = s.usage.Close()
	}
	if s.daemon != nil {
		s.daemon.Kill()
	}
	if s.directory != nil {
		err = errors.Join(err, s.directory.Remove())
	}
	return err
}

// program is looked for on PATH.
const program = "redis-server"

func hasServer() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// configuration of a private server, beside what is so by itself: nothing is written to disk, no
// subscriber is cut off for the length of what it is sent, and deleting does not hold the next command up.
const configuration = `bind %s
port %s
unixsocket %q
unixsocketperm 700
requirepass %s
dir %q
loglevel warning
save ""
databases 1
lazyfree-lazy-user-del yes
lazyfree-lazy-server-del yes
client-output-buffer-limit pubsub 0 0 0
tcp-keepalive 0
`

// mallocConf is the setting of the server's allocator, jemalloc. By default it returns
// every block over 8 MiB to the kernel as soon as it is freed, so that each payload
// faults all of its pages in anew, twice. A server that hands large payloads over all day
// is configured to keep them. With JE_ before it, it is that of servers that have jemalloc built in.
const mallocConf = "MALLOC_CONF=oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"

// directoryPrefix begins the names of the servers' directories.
const directoryPrefix = "rrbench-redis-"

// parents are where these may be: where temporary files belong, unless that is a relative path,
// or one so long that a socket's below it is none.
func parents() []string {
	if parent := os.TempDir(); filepath.IsAbs(parent) && len(parent) <= 64 {
		return []string{parent}
	}
	return private.ShortParents()
}

// loopback has the kernel choose the port.
const loopback = transport.Loopback + ":0"

var errPortTaken = errors.New("another process has the port")

// start starts a server and waits until it answers. A port is chosen anew where another process
// takes it meanwhile.
func start(ctx context.Context, chosen place) (s *server, err error) {
	if chosen.Network != overTCP {
		return startAt(ctx, "")
	}
	for range 5 {
		listener, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(chosen.Address, transport.Loopback), "0"))
		if err != nil {
			return nil, fmt.Errorf("find a port: %w", err)
		}
		_ = listener.Close()
		if s, err = startAt(ctx, listener.Addr().String()); !errors.Is(err, errPortTaken) {
			return s, err
		}
	}
	return nil, err
}

// startTimeout bounds how long a server may take to answer.
const startTimeout = 10 * time.Second

// startAt starts a server with a Unix socket, by which it is asked first, and a TCP address where
// one is given: once it answers it has both, and until then nothing is sent to that address.
func startAt(ctx context.Context, tcp string) (_ *server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	directory, err := private.NewDirectoryIn(parents(), directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for %s: %w", program, err)
	}
	at := place{Network: overUnix, Address: filepath.Join(directory.Path, "socket"), Password: rand.Text()}
	s := &server{place: at, holds: privateCapacity, name: program, directory: directory}
	command := exec.Command(program, "-")
	if !hasServer() {
		s.name, command = standInName, exec.Command("/proc/self/exe", StandInCommand)
		command.Args[0] = os.Args[0]
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start %s: %w", s.name, err), s.stop())
		}
	}()
	// The configuration goes through standard input, where no other user sees the password.
	host, port, _ := net.SplitHostPort(cmp.Or(tcp, loopback)) // port 0 is none
	command.Stdin = strings.NewReader(fmt.Sprintf(configuration, host, port, at.Address, at.Password, directory.Path))
	command.Env, command.Dir = append(os.Environ(), mallocConf, "JE_"+mallocConf), directory.Path
	if s.daemon, err = child.StartDaemon(command); err != nil {
		return nil, err
	}
	if err := s.await(ctx); err != nil {
		return nil, err
	}
	meter, err := measure.NewProcessMeter(s.daemon.Process.Pid)
	if err != nil {
		return nil, err
	}
	s.usage = meter
	if tcp != "" {
		s.Network, s.Address = overTCP, tcp
	}
	return s, nil
}

// await waits until the server answers. What one has said that ends before is kept in a file.
func (s *server) await(ctx context.Context) error {
	for {
		c, err := connect(ctx, s.place, "", startTimeout)
		if err == nil {
			return c.Close()
		}
		select {
		case <-s.daemon.Ended:
			_, all := s.daemon.Said.Said()
			if strings.Contains(strings.ToLower(all), "address already in use") {
				return fmt.Errorf("%w: %w", errPortTaken, s.ending())
			}
			log := s.directory.Path + ".log"
			if err := os.WriteFile(log, []byte(all), 0o600); err != nil {
				return errors.Join(s.ending(), err)
			}
			return fmt.Errorf("%w (all that it said: %s)", s.ending(), log)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ending is how the server has ended, with the last line that it said, less process and time.
func (s *server) ending() error {
	line, _ := s.daemon.Said.Said()
	if _, message, stamped := strings.Cut(line, " # "); stamped {
		line = message
	}
	return fmt.Errorf("%s ended with %v: %s", s.name, s.daemon.ProcessState, line)
}

// explain adds how a private server has ended.
func (s *server) explain(step string, err error) error {
	if err = explain(step, err); err != nil && s.daemon.HasEnded() {
		err = fmt.Errorf("%w: %w", err, s.ending())
	}
	return err
}

// StandInCommand is the argument by which the program becomes the stand-in for a
// redis-server: ServeStandIn.
const StandInCommand = "redis-stand-in"

// standInName is what rows say that were measured with the stand-in.
const standInName = "miniredis"

// ServeStandIn is a server in this process that knows enough of Redis to carry payloads, for machines
// without redis-server. It is started with StandInCommand and given the same configuration, of which it
// heeds where to listen and the password. Its figures are those of another program than Redis.
func ServeStandIn(configuration io.Reader) error {
	set := make(map[string]string)
	for lines := bufio.NewScanner(configuration); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		set[name] = value
	}
	path, err := strconv.Unquote(set["unixsocket"])
	if err != nil {
		return fmt.Errorf("stand in for redis-server: where to listen: %w (it is started by rrbench itself)", err)
	}
	server := miniredis.NewMiniRedis()
	// It starts without a listener of its own, since that would be one over TCP.
	if _, err := server.Dial(); err != nil {
		return err
	}
	server.RequireAuth(set["requirepass"])
	// It answers at one address only when it has all: its parent asks at the first.
	listener, err := net.Listen(overUnix, path)
	listeners := []net.Listener{listener}
	if err == nil && set["port"] != "0" {
		listener, err = net.Listen(overTCP, net.JoinHostPort(set["bind"], set["port"]))
		listeners = append(listeners, listener)
	}
	if err != nil {
		return err
	}
	var accepting errgroup.Group
	for _, listener := range listeners {
		accepting.Go(func() error {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return err
				}
				_ = stream.Tune(connection)
				server.Server().ServeConn(connection)
			}
		})
	}
	return accepting.Wait()
}
