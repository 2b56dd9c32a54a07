//go:build !race

package wasip1_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rrbench/engines"
	"rrbench/engines/catalogue"
	"rrbench/engines/wasip1"
)

// httpGuest builds the guest in testdata with the go tool that runs this test.
func httpGuest(t *testing.T) []byte {
	t.Helper()
	built := filepath.Join(t.TempDir(), "http.wasm")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-race=false", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-o", built, "./testdata/httpguest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	wasm, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// reactor is an instance with its system.
type reactor struct {
	t        *testing.T
	system   *wasip1.System
	instance engines.Instance
}

func start(t *testing.T, module engines.Module, config wasip1.Config) *reactor {
	t.Helper()
	config.Sockets = true
	system, err := wasip1.New(config)
	if err != nil {
		t.Fatal(err)
	}
	system.SetDeadline(time.Now().Add(time.Minute))
	instance, err := module.Instantiate(t.Context(), engines.InstanceConfig{Name: "http", Imports: system.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(system.Close(), instance.Close()); err != nil {
			t.Error(err)
		}
	})
	return &reactor{t, system, instance}
}

func (r *reactor) try(name string, params ...uint64) (uint64, error) {
	r.t.Helper()
	f, ok := r.instance.Function(name)
	if !ok {
		r.t.Fatalf("%s is not exported", name)
	}
	stack := make([]uint64, 4)
	copy(stack, params)
	err := f.Call(stack)
	return stack[0], r.system.Explain(err)
}

func (r *reactor) call(name string, params ...uint64) uint64 {
	r.t.Helper()
	result, err := r.try(name, params...)
	if err != nil {
		r.t.Errorf("%s: %v", name, err)
	}
	return result
}

// compiled is the guest on every engine that runs here.
func compiled(t *testing.T) map[string]engines.Module {
	t.Helper()
	wasm := httpGuest(t)
	modules := map[string]engines.Module{}
	for _, name := range catalogue.BuiltIn() {
		// The default directory: compiling the guest anew takes half a minute a run.
		engine, err := catalogue.New(name, catalogue.Options{})
		if err != nil {
			t.Logf("without %s: %v", name, err)
			continue
		}
		module, err := engine.Compile(t.Context(), wasm)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(module.Close(), engine.Close()); err != nil {
				t.Error(err)
			}
		})
		modules[name] = module
	}
	return modules
}

// TestGoGuests runs unmodified net/http in guests of each engine.
func TestGoGuests(t *testing.T) {
	modules := compiled(t)
	for serverEngine, server := range modules {
		for clientEngine, client := range modules {
			t.Run(clientEngine+" to "+serverEngine, func(t *testing.T) { testExchange(t, client, server) })
		}
	}
	for name, module := range modules {
		t.Run(name, func(t *testing.T) {
			t.Run("environment", func(t *testing.T) {
				guest := start(t, module, wasip1.Config{Arguments: []string{"guest", "-v"}, Environment: []string{"GREETING=hello"}})
				if guest.call("environment") != 1 {
					t.Error("the guest does not see its environment")
				}
			})
			t.Run("sleep", func(t *testing.T) { testSleep(t, module) })
			t.Run("panic", func(t *testing.T) { testPanic(t, module) })
			t.Run("server that traps", func(t *testing.T) { testTrappingServer(t, module) })
			t.Run("dead peer", func(t *testing.T) { testDeadPeer(t, module) })
			t.Run("close while serving", func(t *testing.T) { testCloseWhileServing(t, module) })
		})
	}
}

func testExchange(t *testing.T, clientModule, serverModule engines.Module) {
	sizes := []uint64{0, 1, 100, 1 << 20, 5<<20 + 3}
	server, client := start(t, serverModule, wasip1.Config{}), start(t, clientModule, wasip1.Config{})
	port := server.call("listen")
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.call("serve", uint64(len(sizes)))
	}()
	for _, size := range sizes {
		if client.call("post", port, size) != 1 {
			t.Errorf("%d bytes failed: %s", size, client.system.Output())
		}
	}
	<-served
}

func testSleep(t *testing.T, module engines.Module) {
	guest := start(t, module, wasip1.Config{})
	begin := time.Now()
	guest.call("nap", 30)
	if slept := time.Since(begin); slept < 30*time.Millisecond {
		t.Errorf("slept %v", slept)
	}
	guest.system.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := guest.try("nap", 60_000); !errors.Is(err, wasip1.ErrDeadline) {
		t.Errorf("error is %v", err)
	}
}

func testPanic(t *testing.T, module engines.Module) {
	var output bytes.Buffer
	guest := start(t, module, wasip1.Config{Output: &output})
	_, err := guest.try("fail")
	// Go's runtime exits or traps, depending on where the panic is.
	var trap *engines.Trap
	var exit *engines.Exit
	if !errors.As(err, &trap) && !errors.As(err, &exit) {
		t.Fatalf("error is %v", err)
	}
	if !strings.Contains(err.Error(), "gave up: 42") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %q", err)
	}
	if !strings.Contains(output.String(), "gave up: 42") {
		t.Errorf("output is %q", &output)
	}
}

// testTrappingServer: a guest that ends takes its connections with it, so that its peer
// learns of it.
func testTrappingServer(t *testing.T, module engines.Module) {
	server, client := start(t, module, wasip1.Config{}), start(t, module, wasip1.Config{})
	port := server.call("listen")
	ended := make(chan error)
	go func() {
		_, err := server.try("serve", 1)
		server.system.Close()
		ended <- err
	}()
	if client.call("post_trap", port) != 0 {
		t.Error("the client got an answer")
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no handler for this") {
		t.Errorf("the server ended with %v", err)
	}
}

func testDeadPeer(t *testing.T, module engines.Module) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := start(t, module, wasip1.Config{})
	client.system.SetDeadline(time.Now().Add(100 * time.Millisecond))
	_, err = client.try("post", uint64(silent.Addr().(*net.TCPAddr).Port), 100)
	if !errors.Is(err, wasip1.ErrDeadline) {
		t.Errorf("error is %v", err)
	}
}

func testCloseWhileServing(t *testing.T, module engines.Module) {
	server := start(t, module, wasip1.Config{})
	server.call("listen")
	time.AfterFunc(30*time.Millisecond, func() { server.system.Close() })
	if _, err := server.try("serve", 1); !errors.Is(err, wasip1.ErrClosed) {
		t.Errorf("error is %v", err)
	}
}
