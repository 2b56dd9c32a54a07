package limits

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func all() []transport.Transport {
	return []transport.Transport{NewMemcpy(), NewMremap(), NewUnix(), NewTCP()}
}

func TestMain(m *testing.M) { transporttest.Main(m, all()...) }

func setup(size int64, fanout int) transport.Setup {
	return transport.Setup{
		Engine: transport.NativeEngine, Codec: transport.None, Payload: payloads.Text,
		Size: size, Fanout: fanout, Deadline: 20 * time.Second,
	}
}

func TestHandoff(t *testing.T) {
	for _, limit := range all() {
		for _, fanout := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/%d", limit.Info().Name, fanout), func(t *testing.T) {
				transporttest.Exercise(t, limit, setup(300_000, fanout), false)
				if limit.Info().Hosting == transport.Apart {
					transporttest.Exercise(t, limit, setup(300_000, fanout), true)
				}
			})
		}
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	for _, limit := range all() {
		target := transporttest.Serve(t, limit, setup(4096, 1))
		route := transporttest.Open(t, limit, setup(4096, 1), target.Endpoint())
		var handoff transport.Handoff
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Size: 4096}, &handoff)
		n := testing.AllocsPerRun(100, func() {
			if err := route.Send(&handoff); err != nil {
				t.Error(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a hand-off", limit.Info().Name, n)
		}
		for _, closer := range []interface{ Close() error }{route, route, target} {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	ctx := context.Background()
	for _, limit := range all() {
		json := setup(100, 1)
		json.Codec = transport.JSON
		target := transporttest.Serve(t, limit, setup(100, 1))
		endpoint := target.Endpoint()
		other := endpoint
		other.Transport = "http/native"
		elsewhere := endpoint
		elsewhere.Address = "@nowhere"
		for _, test := range []struct {
			setup     transport.Setup
			endpoints []transport.Endpoint
			want      string
		}{
			{json, []transport.Endpoint{endpoint}, `codec "json"`},
			{setup(100, 1), nil, "at least one target"},
			{setup(100, 1), []transport.Endpoint{other}, "http/native"},
			{setup(100, 1), []transport.Endpoint{elsewhere}, "@nowhere"},
		} {
			_, err := limit.Open(ctx, test.setup, test.endpoints)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), limit.Info().Name) {
				t.Errorf("%s: error is %v, want %q in it", limit.Info().Name, err, test.want)
			}
		}
		if _, err := limit.Serve(ctx, json); err == nil {
			t.Errorf("%s serves json", limit.Info().Name)
		}

		route := transporttest.Open(t, limit, setup(100, 1), endpoint)
		var handoff transport.Handoff
		if err := route.Send(&handoff); err == nil || !strings.Contains(err.Error(), "nothing was prepared") {
			t.Errorf("%s: sent nothing: %v", limit.Info().Name, err)
		}
		if _, err := route.Prepare(payloads.Spec{Kind: payloads.Text}); err == nil {
			t.Errorf("%s: prepared 0 bytes", limit.Info().Name)
		}
		if _, err := route.Prepare(payloads.Spec{Kind: payloads.Text, Size: 101}); err != nil {
			t.Error(err)
		}
		if err := route.Send(&handoff); err != nil {
			t.Error(err)
		}
		if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), "longer than the 100 bytes") {
			t.Errorf("%s: error is %v", limit.Info().Name, err)
		}
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Text, Size: 100}, &handoff)
		if err := target.Close(); err != nil {
			t.Error(err)
		}
		if err := route.Send(&handoff); err != nil || handoff.Deliveries[0].Err == nil {
			t.Errorf("%s: a closed target took a payload: %v", limit.Info().Name, err)
		}
		if err := route.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTargetDies(t *testing.T) {
	for _, limit := range []transport.Transport{NewUnix(), NewTCP()} {
		survivor, victim := transporttest.Start(t, limit, setup(1<<20, 2)), transporttest.Start(t, limit, setup(1<<20, 2))
		route := transporttest.Open(t, limit, setup(1<<20, 2), survivor.Endpoint, victim.Endpoint)
		var handoff transport.Handoff
		transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Size: 1 << 20}, &handoff)
		victim.Kill()
		if err := route.Send(&handoff); err != nil {
			t.Error(err)
		}
		if handoff.Deliveries[0].Err != nil || handoff.Deliveries[1].Err == nil {
			t.Errorf("%s: deliveries are %v", limit.Info().Name, handoff.Deliveries)
		}
		if err := route.Close(); err != nil {
			t.Error(err)
		}
	}
}
