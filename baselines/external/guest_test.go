package external

import (
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"

	"rrbench/engines"
	"rrbench/engines/wasip1"
	"rrbench/engines/wazero"
	"rrbench/payloads"
	"rrbench/transport"
)

// serveInC runs the function that runtimes of containerd start, and returns its address.
func serveInC(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	system, err := wasip1.New(wasip1.Config{Arguments: []string{"function", port}, Sockets: true})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wazero.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := engine.Compile(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := compiled.Instantiate(t.Context(), engines.InstanceConfig{Name: "function", Imports: system.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	start, _ := instance.Function("_start")
	ended := make(chan error, 1)
	go func() { ended <- start.Call(nil) }()
	t.Cleanup(func() {
		_ = system.Close()
		if err := <-ended; !errors.Is(err, wasip1.ErrClosed) {
			t.Errorf("the function has ended: %v", err)
		}
		if err := errors.Join(instance.Close(), compiled.Close(), engine.Close()); err != nil {
			t.Error(err)
		}
	})
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return "http://" + address + "/"
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatal(err)
		default:
		}
	}
}

func TestFunctionInC(t *testing.T) {
	address := serveInC(t)
	for _, kind := range []payloads.Kind{payloads.Text, payloads.Bytes, payloads.Records} {
		setup := setupOf(transport.Raw, kind, 5<<20, address)
		setup.Fanout = 3
		route := open(t, setup)
		for seed := range uint64(3) {
			exchange(t, route, setup, seed)
		}
	}
	for _, test := range []struct {
		method, codec string
		body          io.Reader
		status        int
	}{
		{"POST", "raw", strings.NewReader("a"), 200},
		{"POST", "json", strings.NewReader("{}"), 415},
		{"POST", "raw", io.NopCloser(strings.NewReader("of unknown length")), 411},
		{"POST", "raw", nil, 400},
		{"GET", "raw", nil, 405},
	} {
		request, err := nethttp.NewRequestWithContext(t.Context(), test.method, address, test.body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(headerCodec, test.codec)
		request.Close = true
		response, err := nethttp.DefaultClient.Do(request)
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("%+v: %s", test, response.Status)
		}
	}
	// A header without an end is cut off.
	connection, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "POST / HTTP/1.1\r\nX: "+strings.Repeat("x", 4096))
	if _, err := connection.Read(make([]byte, 1)); err == nil {
		t.Error("a header of 4 KiB has an answer")
	}
}
