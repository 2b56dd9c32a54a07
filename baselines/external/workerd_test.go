package external

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
)

// exitUnavailable is what scripts/external-workerd ends with when workerd cannot be had.
const exitUnavailable = 69

// start runs a server that is not part of this project on a free port until the test ends, and waits until it
// listens.
func start(t *testing.T, timeout time.Duration, command func(port string) *exec.Cmd) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	server := command(port)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	// Its whole process group ends: npm has children.
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	stop := func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	for deadline := time.Now().Add(timeout); ; {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = connection.Close()
			t.Cleanup(stop)
			return "http://127.0.0.1:" + port + "/"
		}
		select {
		case <-ended:
			if server.ProcessState.ExitCode() == exitUnavailable {
				t.Skipf("workerd cannot be had: %s", bytes.TrimSpace(log.Bytes()))
			}
			t.Fatalf("%s: %s", server.ProcessState, log.Bytes())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("it does not listen after %v: %s", timeout, log.Bytes())
		}
	}
}

// A WebAssembly function on workerd, as scripts/external-workerd serves it, takes payloads.
func TestWorkerd(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is missing, workerd comes from it: apt-get install npm")
	}
	address := start(t, 2*time.Minute, func(port string) *exec.Cmd {
		return exec.Command("../../scripts/external-workerd", port)
	})
	for _, codec := range []transport.Codec{transport.Raw, transport.JSON, transport.JSONStd} {
		for _, size := range []int64{1, 1000, 10<<20 + 7} {
			setup := setupOf(codec, payloads.Text, size, address)
			setup.Fanout = 3
			route := open(t, setup)
			for seed := range uint64(3) {
				exchange(t, route, setup, seed)
			}
		}
	}
	// It knows no records, and answers that.
	setup := setupOf(transport.JSON, payloads.Records, 1000, address)
	_, err := New().Open(context.Background(), setup, []transport.Endpoint{{Transport: Name, Address: address}})
	if err == nil || !strings.Contains(err.Error(), "422 Unprocessable Entity") || !strings.Contains(err.Error(), "this function knows text") {
		t.Errorf("records: %v", err)
	}
}

var pythonBlock = regexp.MustCompile("(?s)```python\n(.*?)```")

// The example in the documentation is a function.
func TestExampleOfTheDocumentation(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing, the example is in Python: apt-get install python3")
	}
	text, err := os.ReadFile("../../docs/external.md")
	if err != nil {
		t.Fatal(err)
	}
	found := pythonBlock.FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/external.md has no example")
	}
	address := start(t, 20*time.Second, func(port string) *exec.Cmd {
		program := strings.Replace(string(found[1]), "8080", port, 1)
		return exec.Command(python, "-c", program)
	})
	for _, codec := range []transport.Codec{transport.Raw, transport.JSON} {
		for _, size := range []int64{1, 33, 70_001} {
			setup := setupOf(codec, payloads.Text, size, address)
			exchange(t, open(t, setup), setup, 3)
		}
	}
}
