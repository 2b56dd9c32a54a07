package runc

import (
	"fmt"
	"testing"

	"rrbench/baselines/http"
	"rrbench/measure"
	"rrbench/shim"
	"rrbench/transport"
)

func TestHandoff(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		for _, codec := range http.NewContainer().Info().Codecs {
			fanout := 1
			if codec == transport.Raw {
				fanout = 3
			}
			t.Run(fmt.Sprintf("%s/%s/%d", network, codec, fanout), func(t *testing.T) {
				const size, rounds = 1 << 20, 4
				cell, err := onNetwork(t, network).open(t.Context(), codec, size, fanout)
				if err != nil {
					t.Fatal(err)
				}
				began, records := measure.Now(), 0
				_, err = cell.Run(t.Context(), batch(size, rounds), func(r shim.Record) error {
					records++
					// One clock for all containers and this process.
					if !r.Timeline.Ordered() || r.Timeline.Start < began || r.Timeline.Acknowledged > measure.Now() {
						t.Errorf("moments %+v", r.Timeline)
					}
					if r.CPUUser+r.CPUKernel <= 0 || r.CPUUser < 0 || r.CPUKernel < 0 {
						t.Errorf("CPU time %d + %d ns", r.CPUUser, r.CPUKernel)
					}
					return r.Err
				})
				if err != nil || records != rounds*fanout {
					t.Errorf("%d records, %v", records, err)
				}
				memory, err := cell.Memory(t.Context())
				// Programs and their payloads, and not the machine.
				participants := int64(1 + fanout)
				if err != nil || memory.PSSPeak < participants*size || memory.RSSPeak < participants*size || memory.RSSPeak > participants*200<<20 {
					t.Errorf("memory %+v, %v", memory, err)
				}
				if err := cell.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
