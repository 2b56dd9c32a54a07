package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
	"rrbench/workloads"
)

// TestSerializing hands objects over that guests serialize and deserialize.
func TestSerializing(t *testing.T) {
	needServer(t)
	if transporttest.Racing {
		t.Skip("engines under the race detector compile the Go guest for minutes")
	}
	if _, err := workloads.Built(built, "guest/built", guestName, []string{guestName}); err != nil {
		t.Skip(err)
	}
	for _, engine := range catalogue.BuiltIn() {
		if err := catalogue.Check(engine); err != nil {
			t.Logf("left out: %v", err)
			continue
		}
		for _, tr := range []transport.Transport{New(), NewPubSub()} {
			for _, codec := range []transport.Codec{transport.JSON, transport.JSONStd} {
				t.Run(fmt.Sprintf("%s/%s/%s", tr.Info().Name, engine, codec), func(t *testing.T) {
					setup := setupOf(engine, 50_001, 2)
					setup.Codec = codec
					transporttest.Exercise(t, tr, setup, false)
				})
			}
		}
	}
}

func TestSerializingIsTimed(t *testing.T) {
	needServer(t)
	if transporttest.Racing {
		t.Skip("engines under the race detector compile the Go guest for minutes")
	}
	for _, tr := range []transport.Transport{New(), NewPubSub()} {
		setup := setupOf("wazero", 64<<10, 1)
		setup.Codec, setup.Payload = transport.JSON, payloads.Records
		target := transporttest.Serve(t, tr, setup)
		opened := transporttest.Open(t, tr, setup, target.Endpoint())
		var handoff transport.Handoff
		spec := payloads.Spec{Kind: payloads.Records, Size: 64 << 10}
		for ; spec.Seed < 3; spec.Seed++ {
			transporttest.HandOver(t, opened, spec, &handoff)
			phases := handoff.Deliveries[0].Timeline.Phases()
			if phases.Serialize <= 0 || phases.Transfer <= 0 || phases.Deserialize <= 0 || phases.CopyOut != 0 {
				t.Errorf("phases are %+v", phases)
			}
		}
		// JSON is longer than the object, and than what a server may hold.
		opened.(*route).sender.server.holds.value = 100 << 10
		if err := errors.Join(opened.Prepare(spec), opened.Send(&handoff)); err == nil || !strings.Contains(err.Error(), "proto-max-bulk-len") {
			t.Error(err)
		}
		transporttest.MustClose(t, opened, target)
	}
}
