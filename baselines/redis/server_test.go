package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/private"
	"rrbench/transport"
)

// What a server says that does not start is in the error.
func TestServerDoesNotStart(t *testing.T) {
	directory := t.TempDir()
	script := "#!/bin/sh\necho Reading >&2\necho '1:M 1 Jan 2026 00:00:00.000 # Bad directive' >&2\nexit 3\n"
	if err := os.WriteFile(filepath.Join(directory, program), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", directory)
	for _, network := range []string{overUnix, overTCP} {
		_, err := use(context.Background(), place{Private: true, Network: network})
		if err == nil || !strings.Contains(err.Error(), "exit status 3: Bad directive (all that it said: ") {
			t.Fatal(err)
		}
		_, path, _ := strings.Cut(err.Error(), "it said: ")
		said, err := os.ReadFile(strings.TrimSuffix(path, ")"))
		if err != nil || strings.Count(string(said), "\n") != 2 {
			t.Errorf("%q, %v", said, err)
		}
	}
}

// A server's socket has a short absolute path, wherever temporary files are.
func TestServerInOddPlaces(t *testing.T) {
	needServer(t)
	t.Chdir(t.TempDir())
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := errors.Join(os.Mkdir("relative", 0o700), os.Mkdir(long, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{"relative", long} {
		t.Setenv("TMPDIR", odd)
		p, err := start(t.Context(), place{Network: overUnix})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}

// A process of another user does not get past the password.
func TestServerHasPassword(t *testing.T) {
	needServer(t)
	for _, network := range []string{overUnix, overTCP} {
		s, err := use(context.Background(), place{Private: true, Network: network})
		if err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{"", "wrong"} {
			at := s.place
			at.Password = password
			client, err := connect(context.Background(), at, "", time.Second)
			if err == nil {
				_ = client.Close()
				t.Errorf("password %q lets in", password)
			} else if !strings.Contains(err.Error(), "give the server's user and password") {
				t.Error(err)
			}
		}
		if err := s.release(); err != nil {
			t.Error(err)
		}
	}
}

// unheard is a listener of another process at an address, which must not be spoken to.
func unheard(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
		if connection, err := listener.Accept(); err == nil {
			said := make([]byte, 1000)
			n, _ := connection.Read(said)
			t.Errorf("another process was connected to and sent %q", said[:n])
		}
		_ = listener.Close()
	})
	return listener
}

// A port that another process takes just before the server does is left to it.
func TestPortIsTaken(t *testing.T) {
	needServer(t)
	taken := unheard(t, loopback).Addr().String()
	for _, path := range []string{os.Getenv("PATH"), t.TempDir()} {
		t.Setenv("PATH", path) // with a redis-server, and without one
		t.Setenv("TMPDIR", t.TempDir())
		if _, err := startAt(t.Context(), taken); !errors.Is(err, errPortTaken) {
			t.Errorf("the port of another process: %v", err)
		}
		if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// What listens on the port of a server that has died is not spoken to.
func TestPortIsTakenOver(t *testing.T) {
	needServer(t)
	p, err := start(t.Context(), place{Network: overTCP})
	if err != nil {
		t.Fatal(err)
	}
	client, err := connect(t.Context(), p.place, "", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	subscribed := resolver{messages: true, deadline: time.Second}
	err = subscribed.Prepare(t.Context(), encode(t, directions{p.place, "channel"}))
	if err != nil {
		t.Fatal(err)
	}
	defer subscribed.Disconnected()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	unheard(t, p.Address)
	for range 3 {
		if err := client.Ping(t.Context()).Err(); err == nil {
			t.Error("it answers")
		}
		if err := subscribed.fetch(1, make([]byte, 1)); err == nil {
			t.Error("there is a message")
		}
	}
}

func waitToBeKilled(network string) {
	s, err := use(context.Background(), place{Private: true, Network: network})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.daemon.Process.Pid)
	select {}
}

// A server does not outlive its process, and what that leaves behind the next one removes.
func TestServerEndsWithParent(t *testing.T) {
	needServer(t)
	for _, network := range []string{overUnix, overTCP} {
		t.Setenv("TMPDIR", t.TempDir())
		parent := exec.Command("/proc/self/exe")
		parent.Env = append(os.Environ(), parentVariable+"="+network)
		parent.Stderr = os.Stderr
		output, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		var pid int
		_, err = fmt.Fscan(output, &pid)
		_ = parent.Process.Kill()
		_ = parent.Wait()
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if syscall.Kill(pid, 0) == syscall.ESRCH {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("the server still runs: %v", err)
		}
		there := func() int {
			entries, err := os.ReadDir(os.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return len(entries)
		}
		if there() == 0 {
			t.Error("there is nothing to remove")
		}
		next, err := private.NewDirectoryIn(parents(), directoryPrefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.Remove(); err != nil {
			t.Error(err)
		}
		if n := there(); n != 0 {
			t.Errorf("%d directories are left behind", n)
		}
	}
}

// Where targets are reached from other hosts, the private server is theirs, and listens there.
func TestServerOfTargets(t *testing.T) {
	host := addressOfThisHost(t)
	for _, tr := range []transport.Transport{New(), NewPubSub()} {
		setup := transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.Raw, Payload: payloads.Text, Size: 1 << 20, Fanout: 1, Deadline: 10 * time.Second, Address: host}
		target, err := tr.Serve(t.Context(), setup)
		if err != nil {
			t.Fatal(err)
		}
		endpoint := target.Endpoint()
		there, err := New().(through).choose(endpoint.Facts[serverFact])
		if err != nil || !strings.HasPrefix(there.Address, host+":") || !strings.HasPrefix(endpoint.Address, host+":") {
			t.Errorf("target at %s, its server at %s, %v", endpoint.Address, there.Address, err)
		}
		route, err := tr.Open(t.Context(), setup, []transport.Endpoint{endpoint})
		if err != nil {
			t.Fatal(err)
		}
		spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20}
		handoff := new(transport.Handoff)
		if err := errors.Join(route.Prepare(spec), route.Send(handoff)); err != nil {
			t.Fatal(err)
		}
		if d := handoff.Deliveries[0]; d.Err != nil || d.Digest != spec.Digest() {
			t.Errorf("%+v", d)
		}
		if err := errors.Join(route.Close(), target.Close()); err != nil {
			t.Error(err)
		}
	}
}

// addressOfThisHost is one that is not loopback's.
func addressOfThisHost(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range addresses {
		if network, ok := one.(*net.IPNet); ok && network.IP.To4() != nil && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	t.Skip("this host has no address but loopback's")
	return ""
}
