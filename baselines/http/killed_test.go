package http

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

// childVariable makes the test binary serve one target until its input ends.
const childVariable = "HTTP_TEST_SERVE"

const childSize = 16 << 20

func serveForParent() {
	target, err := New().Serve(context.Background(), setupOf(transport.Raw, payloads.Text, childSize))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(target.Endpoint()); err != nil {
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// A target whose process is killed, at whatever moment, fails the hand-off at once, and
// the other target of the route gets its payload.
func TestTargetIsKilled(t *testing.T) {
	for round := range 4 {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), childVariable+"=1")
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
		setup := setupOf(transport.Raw, payloads.Text, childSize)
		route := mustOpen(t, setup, endpoint, mustServe(t, setup).Endpoint())
		digest := mustPrepare(t, route, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: childSize})
		handoff := transport.Handoff{Deliveries: make([]transport.Delivery, 2)}
		mustSend(t, route, &handoff)
		checkDelivery(t, &handoff.Deliveries[0], digest, childSize)

		killed := make(chan error, 1)
		go func() {
			if round > 0 {
				killed <- command.Process.Kill()
			}
		}()
		for handoff.Deliveries[0].Err == nil {
			mustSend(t, route, &handoff)
			checkDelivery(t, &handoff.Deliveries[1], digest, childSize)
			if round == 0 && handoff.Deliveries[0].Err == nil {
				// Between two payloads.
				killed <- command.Process.Kill()
				_ = command.Wait()
			}
		}
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		_ = command.Wait()
		if err := handoff.Deliveries[0].Err; !strings.Contains(err.Error(), endpoint.Address) {
			t.Errorf("error does not name the target %s: %v", endpoint.Address, err)
		} else {
			t.Log(err)
		}
	}
}
