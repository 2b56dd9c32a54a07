package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"rrbench/child"
	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/private"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// server is what routes of this process share: a private one, or a user's.
type server struct {
	url   string
	holds capacity
	usage usage
	// users is how many routes and targets use it; servers guards it.
	users int

	// The rest is of a private one: its process, of which the first argument is the program's name, and the
	// directory that holds the Unix socket.
	daemon    *child.Daemon
	directory *private.Directory
}

// usage meters what a server uses of its machine.
type usage interface {
	// Take returns what was used since the last Take, or since the beginning.
	Take() (measure.Usage, error)
	Memory() (measure.Memory, error)
	Close() error
}

// servers are those in use, by how they were chosen.
var servers = struct {
	sync.Mutex
	inUse map[choice]*server
}{inUse: make(map[choice]*server)}

// use returns the server of a choice, for the caller to release: a private one runs until all have released
// it, and one that has died is replaced.
func use(ctx context.Context, chosen choice) (_ *server, err error) {
	servers.Lock()
	defer servers.Unlock()
	s := servers.inUse[chosen]
	if s == nil || s.daemon.HasEnded() {
		if chosen.url != "" {
			s, err = attach(ctx, chosen.url)
		} else {
			s, err = start(ctx, chosen.host)
		}
		if err != nil {
			return nil, err
		}
		servers.inUse[chosen] = s
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
	maps.DeleteFunc(servers.inUse, func(_ choice, other *server) bool { return other == s })
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

// directoryPrefix begins the names of the servers' directories, and parents are where these may be.
const directoryPrefix = "rrbench-redis-"

var parents = private.ShortParents

var errPortTaken = errors.New("another process has the port")

// start starts a server, with an address over TCP where there is a host, and waits until it answers. It chooses
// another port where another process takes the first one meanwhile.
func start(ctx context.Context, host string) (s *server, err error) {
	if host == "" {
		return startAt(ctx, "")
	}
	for range 5 {
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return nil, fmt.Errorf("find a port: %w", err)
		}
		_ = listener.Close()
		if s, err = startAt(ctx, listener.Addr().String()); !errors.Is(err, errPortTaken) {
			break
		}
	}
	return s, err
}

// startTimeout bounds how long a server may take to answer.
const startTimeout = 10 * time.Second

// startAt starts a server with a Unix socket, and a TCP address where one is given. It is asked at the socket
// first: once it answers there it has both, and until then nothing is sent to the TCP address.
func startAt(ctx context.Context, tcp string) (_ *server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	directory, err := private.NewDirectoryIn(parents(), directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for %s: %w", program, err)
	}
	socket, password := filepath.Join(directory.Path, "socket"), rand.Text()
	at := url.URL{Scheme: "unix", User: url.UserPassword("", password), Path: socket}
	s := &server{url: at.String(), holds: privateCapacity, directory: directory}
	command := exec.Command(program, "-")
	if !hasServer() {
		command = exec.Command("/proc/self/exe", StandInCommand)
		command.Args[0] = standInName
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start %s: %w", command.Args[0], err), s.stop())
		}
	}()
	// The configuration goes through standard input, where no other user sees the password.
	host, port, _ := net.SplitHostPort(cmp.Or(tcp, transport.Loopback+":0")) // port 0 is none
	command.Stdin = strings.NewReader(fmt.Sprintf(configuration, host, port, socket, password, directory.Path))
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
		at.Scheme, at.Host, at.Path = "redis", tcp, ""
		s.url = at.String()
	}
	return s, nil
}

// await waits until the server answers. What a server wrote that ends before that is kept in a file.
func (s *server) await(ctx context.Context) error {
	for {
		c, err := connect(ctx, s.url, "", startTimeout)
		ended := s.daemon.HasEnded()
		_, all := s.daemon.Said.Said()
		switch {
		case err == nil:
			return c.Close()
		case ended && strings.Contains(strings.ToLower(all), "address already in use"):
			return fmt.Errorf("%w: %w", errPortTaken, s.ending())
		case ended:
			log := s.directory.Path + ".log"
			return errors.Join(fmt.Errorf("%w (all that it said: %s)", s.ending(), log), os.WriteFile(log, []byte(all), 0o600))
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// ending is how the server has ended, with the last line that it wrote, less process and time.
func (s *server) ending() error {
	line, _ := s.daemon.Said.Said()
	if _, message, stamped := strings.Cut(line, " # "); stamped {
		line = message
	}
	return fmt.Errorf("%s ended with %v: %s", s.daemon.Args[0], s.daemon.ProcessState, line)
}

// explain adds how a private server has ended.
func (s *server) explain(step string, err error) error {
	if err = explain(step, err); err != nil && s.daemon.HasEnded() {
		err = fmt.Errorf("%w: %w", err, s.ending())
	}
	return err
}

// attach looks at a user's server: whether it lets us in, what it holds, and whether it
// reports its usage. It changes nothing there.
func attach(ctx context.Context, at string) (*server, error) {
	c, err := connect(ctx, at, "", connectTimeout)
	if err != nil {
		return nil, err
	}
	usage := &reportedUsage{client: c}
	if _, err := usage.Take(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (allow this user INFO, or use a private server)", err), c.Close())
	}
	memory := c.InfoMap(ctx, "Memory").Val()["Memory"]
	// Users that may not see the configuration learn its limits from failures: they have none here.
	set := func(name string) string { return c.ConfigGet(ctx, name).Val()[name] }
	return &server{url: at, usage: usage, holds: capacity{
		value:  number(set("proto-max-bulk-len")),
		output: outputLimit(set("client-output-buffer-limit")),
		memory: number(memory["maxmemory"]),
		used:   number(memory["used_memory"]),
		evicts: memory["maxmemory_policy"],
	}}, nil
}

// number is 0 where there is none.
func number(text string) (n int64) {
	n, _ = strconv.ParseInt(text, 10, 64)
	return n
}

// outputLimit finds the hard limit of subscribers: "normal 0 0 0 slave … pubsub hard soft
// seconds".
func outputLimit(text string) int64 {
	_, limits, _ := strings.Cut(text, "pubsub ")
	hard, _, _ := strings.Cut(limits, " ")
	return number(hard)
}

// capacity is what a server holds, in bytes; what it does not report, or does not limit, is 0.
type capacity struct {
	// value bounds a value, output what may wait for a subscriber.
	value, output int64
	// memory is maxmemory and used what was in use; evicts is maxmemory-policy: what is dropped for new values.
	memory, used int64
	evicts       string
}

// privateCapacity is what Redis holds unless it is configured otherwise: proto-max-bulk-len.
var privateCapacity = capacity{value: 512 << 20}

// check refuses a payload that the server would not take, would cut off a subscriber for, or would drop a
// user's own values for.
func (holds capacity) check(n int64, message bool) error {
	size := payloads.FormatSize
	switch {
	case message && holds.output > 0 && n > holds.output:
		return fmt.Errorf("the server cuts off subscribers that %s wait for: its client-output-buffer-limit pubsub is %s; raise it, or set it to 0 0 0", size(n), size(holds.output))
	case !message && holds.memory > 0 && holds.evicts != "" && holds.evicts != "noeviction" && holds.used+n > holds.memory:
		return fmt.Errorf("to hold %s the server would evict other values: %s of its maxmemory of %s are in use and its policy is %s; raise maxmemory, or set maxmemory-policy noeviction",
			size(n), size(holds.used), size(holds.memory), holds.evicts)
	case holds.value > 0 && n > holds.value:
		return fmt.Errorf("%s are more than a value of the server holds: use at most %s, or raise its proto-max-bulk-len", size(n), size(holds.value))
	}
	return nil
}

// reportedUsage is what a user's server reports of its own usage.
type reportedUsage struct {
	*client
	mutex sync.Mutex
	last  measure.Usage
	peak  int64
}

// ask asks for the numbers in fields of a section of INFO.
func (u *reportedUsage) ask(section string, fields ...string) ([]float64, error) {
	info := u.InfoMap(context.Background(), section)
	err := info.Err()
	numbers := make([]float64, len(fields))
	for i, field := range fields {
		if err == nil {
			numbers[i], err = strconv.ParseFloat(info.Item(section, field), 64)
		}
	}
	return numbers, explain("ask redis-server what it uses", err)
}

// Take reads CPU times, to the microsecond. The server reports neither faults nor context switches.
func (u *reportedUsage) Take() (measure.Usage, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	seconds, err := u.ask("CPU", "used_cpu_user", "used_cpu_sys")
	if err != nil {
		return measure.Usage{}, err
	}
	before := u.last
	u.last = measure.Usage{UserNs: int64(seconds[0] * 1e9), KernelNs: int64(seconds[1] * 1e9)}
	return u.last.Sub(before), nil
}

// Memory is the most resident memory that the server has reported.
func (u *reportedUsage) Memory() (measure.Memory, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	resident, err := u.ask("Memory", "used_memory_rss")
	u.peak = max(u.peak, int64(resident[0]))
	return measure.Memory{RSSPeak: u.peak, PSSPeak: u.peak}, err
}

// StandInCommand is the argument by which the program becomes the stand-in for a
// redis-server: ServeStandIn.
const StandInCommand = "redis-stand-in"

// standInName marks rows that were measured with the stand-in.
const standInName = "miniredis"

// ServeStandIn is a server in this process that knows enough of Redis to carry payloads, for machines
// without redis-server. It is started with StandInCommand and reads the same configuration, of which it
// uses the addresses and the password. Its figures are those of another program than Redis.
func ServeStandIn(configured io.Reader) error {
	var host, port, path, password, directory string
	if _, err := fmt.Fscanf(configured, configuration, &host, &port, &path, &password, &directory); err != nil {
		return fmt.Errorf("stand in for redis-server: where to listen: %w (it is started by rrbench itself)", err)
	}
	server := miniredis.NewMiniRedis()
	// It starts without a listener of its own, since that would be one over TCP.
	if _, err := server.Dial(); err != nil {
		return err
	}
	server.RequireAuth(password)
	serve := func(listener net.Listener, err error) error {
		for err == nil {
			var connection net.Conn
			if connection, err = listener.Accept(); err == nil {
				_ = stream.Tune(connection)
				server.Server().ServeConn(connection)
			}
		}
		return err
	}
	// Its parent asks at the Unix socket first: it answers there when it listens everywhere.
	if port != "0" {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return err
		}
		go serve(listener, nil)
	}
	return serve(net.Listen("unix", path))
}
