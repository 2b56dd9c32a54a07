package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// The error has what a server wrote that does not start.
func TestServerDoesNotStart(t *testing.T) {
	directory := t.TempDir()
	script := "#!/bin/sh\necho Reading >&2\necho '1:M 1 Jan 2026 00:00:00.000 # Bad directive' >&2\nexit 3\n"
	if err := os.WriteFile(filepath.Join(directory, program), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
	for _, chosen := range privately {
		inOwnParent(t)
		_, err := use(t.Context(), chosen)
		if err == nil || !strings.Contains(err.Error(), "exit status 3: Bad directive (all that it said: ") {
			t.Fatal(err)
		}
		_, path, _ := strings.Cut(err.Error(), "it said: ")
		path = strings.TrimSuffix(path, ")")
		said, err := os.ReadFile(path)
		if err = errors.Join(err, os.Remove(path)); err != nil || strings.Count(string(said), "\n") != 2 {
			t.Errorf("%q, %v", said, err)
		}
	}
}

// privately are the choices of a private server, by the network.
var privately = map[string]choice{overUnix: {}, overTCP: {host: transport.Loopback}}

// with is the URL of a server with another user and password.
func with(t *testing.T, server, user, password string) string {
	t.Helper()
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword(user, password)
	return at.String()
}

// A process of another user does not get past the password.
func TestServerHasPassword(t *testing.T) {
	needServer(t)
	for _, chosen := range privately {
		s, err := use(t.Context(), chosen)
		if err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{"", "wrong"} {
			client, err := connect(t.Context(), with(t, s.url, "", password), "", time.Second)
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

// unheard is a listener of another process at an address, to which nothing must be sent.
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

// A server does not start on a port that another process takes just before.
func TestPortIsTaken(t *testing.T) {
	needServer(t)
	inOwnParent(t)
	taken := unheard(t, transport.Loopback+":0").Addr().String()
	for _, path := range []string{os.Getenv("PATH"), t.TempDir()} {
		t.Setenv("PATH", path) // with a redis-server, and without one
		if _, err := startAt(t.Context(), taken); !errors.Is(err, errPortTaken) {
			t.Errorf("the port of another process: %v", err)
		}
	}
}

// Nothing is sent to what listens on the port of a server that has died.
func TestPortIsTakenOver(t *testing.T) {
	needServer(t)
	p, err := start(t.Context(), transport.Loopback)
	if err != nil {
		t.Fatal(err)
	}
	client, err := connect(t.Context(), p.url, "", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	subscribed := resolver{messages: true, deadline: time.Second}
	err = subscribed.Prepare(t.Context(), encode(t, directions{p.url, "channel"}))
	if err != nil {
		t.Fatal(err)
	}
	defer subscribed.Disconnected()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	unheard(t, at.Host)
	for range 3 {
		if err := client.Ping(t.Context()).Err(); err == nil {
			t.Error("it answers")
		}
		if err := subscribed.fetch(1, make([]byte, 1)); err == nil {
			t.Error("there is a message")
		}
	}
}

func waitToBeKilled(chosen string) {
	host, directories, _ := strings.Cut(chosen, " ")
	parents = func() []string { return []string{directories} }
	s, err := start(context.Background(), host)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.daemon.Process.Pid, s.directory.Path)
	select {}
}

// A server ends with its process, and the next process removes the directory that it leaves behind.
func TestServerEndsWithParent(t *testing.T) {
	needServer(t)
	inOwnParent(t) // where no other process removes it
	for _, chosen := range privately {
		parent := exec.Command("/proc/self/exe")
		parent.Env = append(os.Environ(), parentVariable+"="+chosen.host+" "+parents()[0])
		parent.Stderr = os.Stderr
		output, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		var pid int
		var directory string
		_, err = fmt.Fscan(output, &pid, &directory)
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
		if _, err := os.Stat(directory); err != nil {
			t.Errorf("there is nothing to remove: %v", err)
		}
		next, err := start(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := next.stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory is left behind: %v", err)
		}
	}
}

// Where targets are reached from other hosts, the private server is theirs, and listens there.
func TestServerOfTargets(t *testing.T) {
	host := addressOfThisHost(t)
	for _, tr := range []transport.Transport{New(), NewPubSub()} {
		setup := setupOf("wazero", 1<<20, 1)
		setup.Address = host
		target := transporttest.Serve(t, tr, setup)
		endpoint := target.Endpoint()
		if there := endpoint.Facts[serverFact]; !strings.Contains(there, "@"+host+":") || !strings.HasPrefix(endpoint.Address, host+":") {
			t.Errorf("target at %s, its server at %s", endpoint.Address, there)
		}
		route := transporttest.Open(t, tr, setup, endpoint)
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20}, new(transport.Handoff))
		transporttest.MustClose(t, route, target)
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
