package user

import (
	"fmt"
	"testing"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads"
)

// all are the transports of this package.
func all() []transport.Transport {
	return []transport.Transport{NewCopy(), NewRemap(), NewAdaptive(DefaultCrossover)}
}

func TestRemap(t *testing.T) {
	for _, engine := range enginesHere(t) {
		for _, guest := range workloads.Guests() {
			t.Run(engine+"/"+guest, func(t *testing.T) {
				if _, err := workloads.Guest(guest); err != nil {
					t.Skip(err)
				}
				setup := transport.Setup{Engine: engine, Guest: guest, Codec: transport.None, Size: 9 << 20}
				route := openBy(t, NewRemap(), setup, serveBy(t, NewRemap(), setup))
				var handoff transport.Handoff
				want := uint64(0)
				for i, size := range []int64{1, 4095, 4096, 8191, 8192, 12345, 65536, 1 << 20, 4<<20 - 1, 9 << 20, 9 << 20, 100} {
					digest, err := route.Prepare(payloads.Spec{Kind: payloads.Bytes, Seed: uint64(i), Size: size})
					if err != nil {
						t.Fatal(err)
					}
					for range 3 {
						if err := route.Send(&handoff); err != nil {
							t.Fatal(err)
						}
						check(t, &handoff, digest, size)
						if size >= 8191 {
							want++
						}
					}
				}
				if moved, copied := route.Moves(); moved < want || copied != 0 {
					t.Errorf("pages moved %d times and were copied %d times, want %d and 0", moved, copied, want)
				}
			})
		}
	}
}

func TestRemapFansOut(t *testing.T) {
	for _, engine := range enginesHere(t) {
		for _, fanout := range []int{2, 10} {
			t.Run(fmt.Sprintf("%s/%d", engine, fanout), func(t *testing.T) {
				const size = 100001
				setup := transport.Setup{Engine: engine, Guest: "c", Codec: transport.None, Size: size, Fanout: fanout}
				var targets []transport.Target
				for range fanout {
					targets = append(targets, serveBy(t, NewRemap(), setup))
				}
				route := openBy(t, NewRemap(), setup, targets...)
				var handoff transport.Handoff
				for seed := range uint64(10) {
					digest, err := route.Prepare(payloads.Spec{Kind: payloads.Bytes, Seed: seed, Size: size})
					if err != nil {
						t.Fatal(err)
					}
					for range 2 {
						if err := route.Send(&handoff); err != nil {
							t.Fatal(err)
						}
						check(t, &handoff, digest, size)
					}
				}
			})
		}
	}
}
