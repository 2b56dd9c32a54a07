//go:build wasip1

// A guest that is an HTTP client and an HTTP server, with Go's own net/http.
package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"rrbench/engines/wasip1/guest"
)

var (
	handled = make(chan struct{}, 1000)
	client  = &http.Client{Transport: &http.Transport{DialContext: dial}}
)

func dial(_ context.Context, _, target string) (net.Conn, error) { return guest.Dial(target) }

//go:wasmexport listen
func listen() uint32 {
	listener, err := guest.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.HandlerFunc(answer))
	return uint32(listener.Addr().(*net.TCPAddr).Port)
}

func answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/trap" {
		fmt.Fprintln(os.Stderr, "asked to trap")
		panicAlone()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, crc32.ChecksumIEEE(body))
	handled <- struct{}{}
}

// panicAlone panics where net/http does not recover.
func panicAlone() {
	go panic("no handler for this")
	time.Sleep(time.Hour)
}

//go:wasmexport serve
func serve(requests uint32) {
	for range requests {
		<-handled
	}
}

// post sends size bytes and returns 1 when the server saw them as they were.
//
//go:wasmexport post
func post(port, size uint32) uint32 {
	body := bytes.Repeat([]byte("roadrunner "), int(size)/11+1)[:size]
	return send(fmt.Sprintf("http://127.0.0.1:%d/", port), body)
}

//go:wasmexport post_trap
func postTrap(port uint32) uint32 { return send(fmt.Sprintf("http://127.0.0.1:%d/trap", port), nil) }

func send(url string, body []byte) uint32 {
	response, err := client.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return 0
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		fmt.Println(response.Status, err)
		return 0
	}
	if string(text) != strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10) {
		fmt.Println("the server saw", string(text))
		return 0
	}
	return 1
}

// nap sleeps, in milliseconds.
//
//go:wasmexport nap
func nap(milliseconds uint32) { time.Sleep(time.Duration(milliseconds) * time.Millisecond) }

//go:wasmexport fail
func fail() { panic("gave up: 42") }

//go:wasmexport environment
func environment() uint32 {
	if os.Getenv("GREETING") == "hello" && len(os.Args) == 2 && os.Args[1] == "-v" {
		return 1
	}
	return 0
}

func main() {}
