package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"rrbench/baselines/redis"
	"rrbench/catalogue"
	"rrbench/payloads"
	"rrbench/results"
	"rrbench/shim"
	"rrbench/shim/launch"
	"rrbench/shim/shimtest"
	"rrbench/transport"
)

// TestMain lets the test program be its own shim.
func TestMain(m *testing.M) {
	shimtest.Main(m, shimtest.Roles{
		"shim":               func() error { return shim.Serve(catalogue.Find) },
		redis.StandInCommand: func() error { return redis.ServeStandIn(os.Stdin) },
	})
}

var here = results.Program{Version: "here", Digest: "11"}

// node is an agent of this process.
type node struct {
	*Agent
	// stop ends it as SIGTERM does.
	stop func()
	logs struct {
		sync.Mutex
		lines []string
	}
}

func (n *node) log() string {
	n.logs.Lock()
	defer n.logs.Unlock()
	return strings.Join(n.logs.lines, "\n")
}

func startAgent(t *testing.T, change func(*Options)) *node {
	t.Helper()
	n := &node{}
	options := Options{
		Listen:   "127.0.0.1:0",
		Lifetime: time.Hour,
		Program:  here,
		Launcher: func(name string) shim.Launcher { return launch.For(transport.Info{Launcher: name}) },
		Facts:    func() (Facts, error) { return Facts{Memory: 1 << 40}, nil },
		Log: func(line string) {
			n.logs.Lock()
			defer n.logs.Unlock()
			n.logs.lines = append(n.logs.lines, line)
		},
	}
	if change != nil {
		change(&options)
	}
	var err error
	if n.Agent, err = Listen(options); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.Serve(ctx); err != nil {
			t.Error(err)
		}
	}()
	n.stop = func() { cancel(); <-done }
	t.Cleanup(n.stop)
	return n
}

func join(t *testing.T, n *node) *Peer {
	t.Helper()
	p, err := Dial(t.Context(), n.Join().String(), here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// joined is an agent that a driver has joined.
func joined(t *testing.T) (*node, *Peer) {
	t.Helper()
	n := startAgent(t, nil)
	return n, join(t, n)
}

// setupOf finds a transport, which sends payloads as they are where it can.
func setupOf(t *testing.T, name string, fanout int) (transport.Info, transport.Setup) {
	t.Helper()
	tr, err := catalogue.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	info := tr.Info()
	setup := transport.Setup{Engine: "wazero", Guest: "c", Codec: info.Codecs[0], Payload: payloads.Text, Size: 1 << 20, Fanout: fanout, Deadline: 5 * time.Second}
	if info.Runs != transport.Wasm {
		setup.Engine = transport.NativeEngine
	}
	if slices.Contains(info.Codecs, transport.Raw) {
		setup.Codec = transport.Raw
	}
	return info, setup
}

// startShim starts one shim, which ends with the test.
func startShim(t *testing.T, launcher shim.Launcher, runs transport.Runs) *shim.Process {
	t.Helper()
	where, err := launcher.Prepare("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := shim.Start(t.Context(), where, "target 0", runs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// startCell starts a source here and targets at the peers.
func startCell(t *testing.T, name string, fanout int, peers ...*Peer) (*shim.Cell, error) {
	t.Helper()
	info, setup := setupOf(t, name, fanout)
	var targets []shim.Launcher
	for _, p := range peers {
		targets = append(targets, p.Launcher(info))
	}
	cell, err := shim.StartCell(t.Context(), launch.For(info), info, setup, targets...)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = cell.Close() })
	_, err = cell.Connect(t.Context(), 1, 1)
	return cell, err
}

var batch = shim.Batch{Payload: payloads.Text, Sizes: []int64{1 << 20}, Seed: 7, Rounds: 3, Deadline: 2 * time.Second, Apart: true}

// runner is a shim.Process or a shim.Cell.
type runner interface {
	Run(context.Context, shim.Batch, func(shim.Record) error) (shim.Window, error)
}

// handOver runs a batch and returns why it, or hand-offs of it, failed.
func handOver(t *testing.T, source runner, batch shim.Batch) error {
	t.Helper()
	var failed []error
	records := 0
	_, err := source.Run(t.Context(), batch, func(r shim.Record) error {
		records++
		failed = append(failed, r.Err)
		return nil
	})
	if records == 0 && err == nil {
		t.Error("a batch without records")
	}
	return errors.Join(append(failed, err)...)
}

// children are the shims that this process has running.
func children(t *testing.T) (pids []int) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if stat, err := one.Stat(); err == nil && stat.PPID == os.Getpid() && stat.State != "Z" {
			pids = append(pids, one.PID)
		}
	}
	return pids
}

// nothingRuns waits until all shims have ended.
func nothingRuns(t *testing.T) {
	t.Helper()
	shimtest.Eventually(t, "shims are left", func() error {
		if pids := children(t); len(pids) > 0 {
			return fmt.Errorf("%v", pids)
		}
		return nil
	})
}

// isFree waits until the agent has no driver.
func isFree(t *testing.T, n *node) {
	t.Helper()
	shimtest.Eventually(t, "the agent has a driver", func() error {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		if n.session != nil {
			return errors.New(n.session.id)
		}
		return nil
	})
}

func TestJoinLines(t *testing.T) {
	n := startAgent(t, nil)
	line := n.Join().String()
	parsed, err := ParseJoin(line)
	if err != nil || parsed.String() != line {
		t.Errorf("%s is read as %s, %v", line, parsed, err)
	}
	hidden := Redact("--peer " + line + " --quiet")
	_, secret, _ := strings.Cut(line, "token=")
	if strings.Contains(hidden, secret) || !strings.Contains(hidden, "fingerprint=") || !strings.HasSuffix(hidden, "--quiet") {
		t.Errorf("redacted: %s", hidden)
	}
	for _, bad := range []string{"", "http://127.0.0.1:1", "rrbench://127.0.0.1", "rrbench://127.0.0.1:0?token=x", "rrbench://127.0.0.1:99999",
		line[:len(line)-80], strings.Replace(line, "fingerprint=", "fingerprint=zz", 1), strings.Replace(line, "expires=", "expires=x", 1)} {
		if _, err := ParseJoin(bad); err == nil || bad != "" && strings.Contains(err.Error(), "token=") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Each transport that can leave a host hands over to a target that an agent has started.
func TestHandsOverBetweenNodes(t *testing.T) {
	n, p := joined(t)
	for _, tr := range catalogue.All() {
		info := tr.Info()
		if !info.Across || info.Launcher == transport.LauncherRunc || launch.Check(tr, "") != nil {
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			cell, err := startCell(t, info.Name, 2, p)
			if err != nil {
				t.Fatal(err)
			}
			batch := batch
			batch.Deadline, batch.Window = 20*time.Second, time.Millisecond
			if err := handOver(t, cell, batch); err != nil {
				t.Error(err)
			}
			if memory, err := cell.Memory(t.Context()); err != nil || memory.PSSPeak == 0 {
				t.Errorf("memory %+v, %v", memory, err)
			}
			if err := cell.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	n.stop()
	nothingRuns(t)
}

func TestTargetsTakeTurnsAmongPeers(t *testing.T) {
	first, second := startAgent(t, nil), startAgent(t, nil)
	cell, err := startCell(t, "limit/tcp", 3, join(t, first), join(t, second))
	if err != nil {
		t.Fatal(err)
	}
	if err := handOver(t, cell, batch); err != nil {
		t.Error(err)
	}
	shims := func(n *node) int {
		n.session.mutex.Lock()
		defer n.session.mutex.Unlock()
		return len(n.session.shims)
	}
	if a, b := shims(first), shims(second); a != 2 || b != 1 {
		t.Errorf("%d and %d targets", a, b)
	}
}

func TestClock(t *testing.T) {
	_, p := joined(t)
	for range 3 {
		e, err := p.Clock(t.Context())
		if err != nil || e.Offset < -e.Bound || e.Offset > e.Bound {
			t.Errorf("%+v, %v: it is the same clock", e, err)
		}
		t.Log(e)
	}
}

// Peers without authentication are refused, are logged once for each host, and disturb no run.
func TestStrangers(t *testing.T) {
	n, p := joined(t)
	cell, err := startCell(t, "limit/tcp", 1, p)
	if err != nil {
		t.Fatal(err)
	}
	good := n.Join()
	wrongToken, wrongFingerprint := good, good
	wrongToken.Token = bytes.Repeat([]byte{1}, tokenSize)
	wrongFingerprint.Fingerprint[0]++
	for name, test := range map[string]struct {
		join    Join
		program results.Program
		want    []string
	}{
		"wrong token":       {wrongToken, here, []string{"token"}},
		"wrong fingerprint": {wrongFingerprint, here, []string{"fingerprint", fmt.Sprintf("%x", good.Fingerprint)}},
		"other version":     {good, results.Program{Version: "there", Digest: "22"}, []string{"there", "22", "here", "11", "same program"}},
		"second driver":     {good, here, []string{"another driver", "127.0.0.1"}},
	} {
		_, err := Dial(t.Context(), test.join.String(), test.program)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", name, err, want)
			}
		}
	}
	dial := func() net.Conn {
		connection, err := net.Dial("tcp", good.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { connection.Close() })
		return connection
	}
	for range 200 { // a port scanner
		dial().Close()
	}
	for range 100 { // they send nothing, and nothing waits for them
		dial()
	}
	_, _ = dial().Write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 1000)) // it may be cut off before it has sent all
	// A peer that promises more than there is.
	for _, length := range []uint32{longestRequest + 1, math.MaxUint32} {
		endless := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true})
		_, _ = endless.Write(binary.BigEndian.AppendUint32(nil, length)) // it may be cut off, too, where others wait
		if answer, _ := io.ReadAll(endless); len(answer) > 0 {
			t.Errorf("answered %q", answer)
		}
	}
	if err := handOver(t, cell, batch); err != nil {
		t.Errorf("the run is disturbed: %v", err)
	}
	if log := n.log(); strings.Count(log, "refused 127.0.0.1") != 1 {
		t.Errorf("logged: %s", log)
	}
	// A new shim can still be started.
	if _, err := startCell(t, "limit/tcp", 1, p); err != nil {
		t.Error(err)
	}
}

func TestExpiredLine(t *testing.T) {
	n := startAgent(t, func(o *Options) { o.Lifetime = 0 })
	if _, err := Dial(t.Context(), n.Join().String(), here); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Error(err)
	}
}

// A run that was begun in time may go on.
func TestSessionOutlivesTheJoinLine(t *testing.T) {
	n, p := joined(t)
	n.join.Expires = time.Now()
	if _, err := startCell(t, "limit/tcp", 1, p); err != nil {
		t.Error(err)
	}
	p.present().end(io.EOF)
	isFree(t, n)
	if err := p.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Error(err)
	}
}

func TestAgentEndsAmidABatch(t *testing.T) {
	n, p := joined(t)
	cell, err := startCell(t, "network/stream", 1, p)
	if err != nil {
		t.Fatal(err)
	}
	long := batch
	long.Rounds, long.Deadline = 1<<20, 3*time.Second
	time.AfterFunc(300*time.Millisecond, n.stop)
	if handOver(t, cell, long) == nil {
		t.Fatal("nothing has failed")
	}
	if ended := cell.Ended(); ended == nil || !strings.Contains(ended.Error(), n.Join().Address) {
		t.Errorf("target: %v", ended)
	}
	_ = cell.Close()
	nothingRuns(t)
	if err := p.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), n.Join().Address) {
		t.Errorf("reached: %v", err)
	}
}

// The driver knows how a shim of the agent's has ended.
func TestShimIsKilled(t *testing.T) {
	n, p := joined(t)
	before := children(t)
	cell, err := startCell(t, "limit/tcp", 1, p)
	if err != nil {
		t.Fatal(err)
	}
	source, err := cell.Shims()[0].PID()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range children(t) {
		if pid != source && !slices.Contains(before, pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if handOver(t, cell, batch) == nil {
		t.Error("nothing has failed")
	}
	if ended := cell.Ended(); ended == nil || !strings.Contains(ended.Error(), "SIGKILL") || !strings.Contains(ended.Error(), "at agent "+n.Join().Address) {
		t.Errorf("target: %v", ended)
	}
	// The next cell is none the worse for it.
	if err := p.Reach(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := startCell(t, "limit/tcp", 1, p); err != nil {
		t.Error(err)
	}
}

// The shims of a driver end with it.
func TestDriverVanishes(t *testing.T) {
	n, p := joined(t)
	target := startShim(t, p.Launcher(transport.Info{}), transport.NoFunction)
	if len(children(t)) == 0 {
		t.Fatal("no shim runs")
	}
	_ = p.Close()
	nothingRuns(t)
	if err := target.Close(); err == nil {
		t.Error("it has ended in good order")
	}
	shimtest.Eventually(t, "another driver", func() error {
		other, err := Dial(t.Context(), n.Join().String(), here)
		if err != nil {
			return err
		}
		return other.Close()
	})
}

// A session that was lost is replaced by the same driver's next.
func TestJoinsAgain(t *testing.T) {
	_, p := joined(t)
	p.present().end(io.ErrUnexpectedEOF)
	if err := p.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := startCell(t, "limit/tcp", 1, p); err != nil {
		t.Error(err)
	}
}

func TestMemoryLimit(t *testing.T) {
	n := startAgent(t, func(o *Options) { o.MemoryLimit = 1 << 20 })
	p := join(t, n)
	if p.Memory() != 1<<20 {
		t.Errorf("it says that there are %d bytes", p.Memory())
	}
	cell, err := startCell(t, "limit/tcp", 1, p)
	if err == nil {
		long := batch
		long.Rounds = 1 << 20
		_ = handOver(t, cell, long)
		err = cell.Ended()
	}
	if err == nil || !strings.Contains(err.Error(), "--memory-limit") {
		t.Error(err)
	}
}

func TestGuestsMustBeAllowed(t *testing.T) {
	t.Setenv(shim.AllowedGuests, "")
	_, p := joined(t)
	target := startShim(t, p.Launcher(transport.Info{}), transport.Wasm)
	if err := target.Add(t.Context(), "mine", []byte("\x00asm\x01\x00\x00\x00")); err == nil || !strings.Contains(err.Error(), "--allow-guest") {
		t.Error(err)
	}
}

func TestFacts(t *testing.T) {
	f, err := ReadFacts()
	if err != nil || f.Memory == 0 || f.Peer.Environment.OS != "linux" || f.Peer.Engines["wazero"] == "" {
		t.Errorf("%+v, %v", f, err)
	}
	n := startAgent(t, func(o *Options) { o.Facts = func() (Facts, error) { return f, nil } })
	link := join(t, n).Facts().Link
	if link.Here.Name != "lo" || link.There.Name != "lo" || link.Here.MTU == 0 || link.Congestion == "" || link.RTTNs <= 0 {
		t.Errorf("%+v", link)
	}
}

// flipping is a proxy that flips a bit behind so many bytes of what goes to a server.
func flipping(t *testing.T, to string, after int64) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			context.AfterFunc(ctx, func() { client.Close(); server.Close() })
			work.Go(func() { _, _ = io.Copy(client, server); client.Close() })
			work.Go(func() {
				defer server.Close()
				if _, err := io.CopyN(server, client, after); err != nil {
					return
				}
				var one [1]byte
				if _, err := io.ReadFull(client, one[:]); err == nil {
					_, _ = server.Write([]byte{one[0] ^ 4})
					_, _ = io.Copy(server, client)
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); cancel(); work.Wait() })
	return listener.Addr().String()
}

// A payload that was changed on its way is no payload.
func TestDataIsChangedOnItsWay(t *testing.T) {
	_, p := joined(t)
	for _, name := range []string{"network/stream", "http/native", "limit/tcp"} {
		info, setup := setupOf(t, name, 1)
		target, source := startShim(t, p.Launcher(info), info.Runs), startShim(t, launch.For(info), info.Runs)
		setup.Deadline = 2 * time.Second
		endpoint, err := target.Serve(t.Context(), info.Name, setup)
		if err != nil {
			t.Fatal(err)
		}
		endpoint.Address = flipping(t, endpoint.Address, 1<<19)
		if err := source.Open(t.Context(), info.Name, setup, []transport.Endpoint{endpoint}); err != nil {
			t.Fatal(err)
		}
		if handOver(t, source, batch) == nil {
			t.Errorf("%s: a bit was flipped, and nothing has failed", name)
		}
	}
}

// What is sent to the agent is not changed unnoticed: the shim ends, and the driver learns of it. Where a length was
// changed, the driver learns by a deadline alone, since both sides wait for the other.
func TestControlIsChangedOnItsWay(t *testing.T) {
	n := startAgent(t, nil)
	good := n.Join()
	for after := int64(100); after < 6000; after += 700 {
		bad := good
		bad.Address = flipping(t, good.Address, after)
		p, err := Dial(t.Context(), bad.String(), here)
		if err != nil {
			continue
		}
		where, err := p.Launcher(transport.Info{}).Prepare("")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if s, err := shim.Start(ctx, where, "target 0", transport.Native); err == nil {
			for err == nil {
				_, err = s.Memory(ctx)
			}
			_ = s.Close()
		}
		cancel()
		_ = p.Close()
		isFree(t, n)
	}
	nothingRuns(t)
	if _, err := startCell(t, "limit/tcp", 1, join(t, n)); err != nil {
		t.Error(err)
	}
}
