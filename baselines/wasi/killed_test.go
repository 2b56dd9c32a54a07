package wasi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
)

// childVariable makes the test binary serve a target until its input ends; it holds the
// setup.
const childVariable = "WASI_TEST_SERVE"

func serveForParent() {
	var setup transport.Setup
	err := json.Unmarshal([]byte(os.Getenv(childVariable)), &setup)
	var target transport.Target
	if err == nil {
		target, err = New().Serve(context.Background(), setup)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(target.Endpoint())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// A target whose process is killed, at whatever moment, fails the hand-off at once, and
// the other target of the route gets its payload.
func TestTargetIsKilled(t *testing.T) {
	eachGuest(t, func(t *testing.T, setup transport.Setup) {
		setup.Size = 16 << 20
		text, err := json.Marshal(setup)
		if err != nil {
			t.Fatal(err)
		}
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), childVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
		command.Stderr = os.Stderr
		// It ends with its input, should the kill below not be reached.
		if _, err := command.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		var endpoint transport.Endpoint
		if err := json.NewDecoder(output).Decode(&endpoint); err != nil {
			t.Fatal(err)
		}
		route := mustOpen(t, Guests{}, setup, endpoint, mustServe(t, Guests{}, setup).Endpoint())
		digest := mustPrepare(t, route, payloads.Spec{Kind: setup.Payload, Seed: 1, Size: setup.Size})
		handoff := transport.Handoff{Deliveries: make([]transport.Delivery, 2)}
		mustSend(t, route, &handoff)
		checkDelivery(t, &handoff.Deliveries[0], digest, setup.Size)

		killed := make(chan error, 1)
		go func() { killed <- command.Process.Kill() }()
		for handoff.Deliveries[0].Err == nil {
			mustSend(t, route, &handoff)
			checkDelivery(t, &handoff.Deliveries[1], digest, setup.Size)
		}
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		_ = command.Wait()
		// It stays so, and says so at once.
		for range 2 {
			if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), endpoint.Address) {
				t.Errorf("error does not name the target %s: %v", endpoint.Address, err)
			} else {
				t.Log(err)
			}
			mustSend(t, route, &handoff)
			checkDelivery(t, &handoff.Deliveries[1], digest, setup.Size)
		}
	})
}
