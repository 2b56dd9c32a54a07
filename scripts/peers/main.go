// Peers measures how long others take to hand a payload over, for docs/peers.md: gRPC over a Unix socket, Extism, and a
// bare copy between two modules of wazero. It prints a name, a size in bytes and the median in nanoseconds of the
// time from when the payload is ready until its receiver has all of it. With "table" it makes a table of such lines.
//
//	peers grpc|wazero SIZE...
//	peers extism MODULE SIZE...
//	peers table < LINES
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "unsafe" // for go:linkname

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// now reads CLOCK_MONOTONIC, which all processes share.
//
//go:linkname now runtime.nanotime
func now() int64

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("which one?")
	}
	switch args[0] {
	case "grpc":
		return overGRPC(args[1:])
	case "grpc-server":
		return serveGRPC(args[1])
	case "wazero":
		return bareWazero(args[1:])
	case "extism":
		return overExtism(args[1], args[2:])
	case "table":
		return table(os.Stdin, os.Stdout)
	}
	return fmt.Errorf("%q is not known", args[0])
}

// measure hands over payloads of each size. send hands over one and returns how long that took.
func measure(name string, sizes []string, send func(payload []byte) (ns int64, err error)) error {
	for _, text := range sizes {
		size, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		rounds := 2000
		if size >= 1<<20 {
			rounds = 200
		}
		if size >= 16<<20 {
			rounds = 5
		}
		payload, took := make([]byte, size), make([]int64, rounds)
		for i := range took {
			for j := range payload {
				payload[j] = byte(i)
			}
			if took[i], err = send(payload); err != nil {
				return err
			}
		}
		slices.Sort(took)
		fmt.Println(name, size, took[rounds/2])
	}
	return nil
}

const limit = 1 << 30

// method is the service: bytes there, the moment of their arrival back.
var method = grpc.ServiceDesc{
	ServiceName: "Peers",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Send",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			payload := new(wrapperspb.BytesValue)
			if err := decode(payload); err != nil {
				return nil, err
			}
			return wrapperspb.Int64(now()), nil
		},
	}},
}

func serveGRPC(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(limit))
	server.RegisterService(&method, nil)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		server.Stop()
	}()
	return server.Serve(listener)
}

func overGRPC(sizes []string) error {
	directory, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "socket")
	server := exec.Command(os.Args[0], "grpc-server", path)
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	defer func() { _ = stdin.Close(); _ = server.Wait() }()
	connection, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(limit), grpc.WaitForReady(true)))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return measure("grpc", sizes, func(payload []byte) (int64, error) {
		start := now()
		var arrived wrapperspb.Int64Value
		err := connection.Invoke(ctx, "/Peers/Send", wrapperspb.Bytes(payload), &arrived)
		return arrived.Value - start, err
	})
}

// overExtism measures whole calls: a plugin cannot read the clock when it has its input.
func overExtism(module string, sizes []string) error {
	ctx := context.Background()
	plugin, err := extism.NewPlugin(ctx, extism.Manifest{Wasm: []extism.Wasm{extism.WasmFile{Path: module}}}, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		return err
	}
	defer plugin.Close(ctx)
	return measure("extism", sizes, func(payload []byte) (int64, error) {
		start := now()
		_, _, err := plugin.Call("handle", payload)
		return now() - start, err
	})
}

// plain is (module (memory (export "memory") 1) (func (export "handle"))).
var plain = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01\x07\x13\x02\x06memory\x02\x00\x06handle\x00\x00\x0a\x04\x01\x02\x00\x0b")

// bareWazero copies from one module's memory to another's, and calls that.
func bareWazero(sizes []string) error {
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	compiled, err := runtime.CompileModule(ctx, plain)
	if err != nil {
		return err
	}
	a, err := runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("a"))
	if err != nil {
		return err
	}
	b, err := runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("b"))
	if err != nil {
		return err
	}
	handle, stack := b.ExportedFunction("handle"), make([]uint64, 1)
	return measure("wazero", sizes, func(payload []byte) (int64, error) {
		n := uint32(len(payload))
		for _, memory := range []interface {
			Size() uint32
			Grow(uint32) (uint32, bool)
		}{a.Memory(), b.Memory()} {
			if size := memory.Size(); size < n {
				memory.Grow((n - size + 65535) / 65536)
			}
		}
		a.Memory().Write(0, payload)
		start := now()
		from, _ := a.Memory().Read(0, n)
		b.Memory().Write(0, from)
		err := handle.CallWithStack(ctx, stack)
		return now() - start, err
	})
}

// table reads lines of a name, a size and nanoseconds, and writes them as a table.
func table(from io.Reader, to io.Writer) error {
	var names, sizes []string
	cells := map[[2]string]string{}
	for lines := bufio.NewScanner(from); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			return fmt.Errorf("%q is not a name, a size and a time", lines.Text())
		}
		ns, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return err
		}
		if !slices.Contains(names, fields[0]) {
			names = append(names, fields[0])
		}
		if !slices.Contains(sizes, fields[1]) {
			sizes = append(sizes, fields[1])
		}
		cells[[2]string{fields[0], fields[1]}] = duration(ns)
	}
	fmt.Fprintf(to, "| |")
	for _, size := range sizes {
		fmt.Fprintf(to, " %s B |", size)
	}
	fmt.Fprintf(to, "\n|---|%s\n", strings.Repeat("---|", len(sizes)))
	for _, name := range names {
		fmt.Fprintf(to, "| %s |", name)
		for _, size := range sizes {
			fmt.Fprintf(to, " %s |", cells[[2]string{name, size}])
		}
		fmt.Fprintln(to)
	}
	return nil
}

// duration formats a time with at most three digits.
func duration(ns float64) string {
	unit := "ns"
	for _, larger := range []string{"µs", "ms"} {
		if ns >= 1000 {
			ns, unit = ns/1000, larger
		}
	}
	return fmt.Sprintf("%.3g %s", ns, unit)
}
