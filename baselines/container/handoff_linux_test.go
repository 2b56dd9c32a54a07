package container

import (
	"fmt"
	"testing"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

func TestHandoff(t *testing.T) {
	for _, network := range []Network{Bridge, Host} {
		for _, codec := range New().Info().Codecs {
			for _, fanout := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d", network, codec, fanout), func(t *testing.T) {
					onNetwork(t, network)
					setup := setupFor(network, 1<<20, fanout)
					setup.Codec = codec
					setup.Payload = payloads.Records
					pair := mustOpen(t, setup)
					for seed := range uint64(5) {
						if err := pair.send(seed); err != nil {
							t.Fatal(err)
						}
						pair.check(t)
					}
				})
			}
		}
	}
}

// check looks at moments, usage and memory.
func (o *opened) check(t *testing.T) {
	t.Helper()
	for i := range o.handoff.Deliveries {
		d := &o.handoff.Deliveries[i]
		m := &d.Timeline
		moments := []int64{o.handoff.Start, m.Serialized, m.CopiedOut, m.Received, m.CopiedIn, m.Delivered, m.Consumed, m.Acknowledged, measure.Now()}
		for k := 1; k < len(moments); k++ {
			if moments[k] < moments[k-1] {
				t.Errorf("target %d: moment %d of %v is before the one before it", i, k, moments)
			}
		}
		if d.Usage.CPU() <= 0 || d.Usage.UserNs < 0 || d.Usage.KernelNs < 0 {
			t.Errorf("target %d: usage %+v", i, d.Usage)
		}
		checkMemory(t, o.targets[i].(transport.MemoryReporter), o.setup.Size)
	}
	checkMemory(t, o.Route.(transport.MemoryReporter), o.setup.Size)
}

func checkMemory(t *testing.T, m transport.MemoryReporter, size int64) {
	t.Helper()
	memory, err := m.Memory()
	if err != nil {
		t.Fatal(err)
	}
	// A program, its payload, and not the machine.
	if memory.PSSPeak < size || memory.RSSPeak < size || memory.RSSPeak > 200<<20 {
		t.Errorf("memory %+v", memory)
	}
}

// The control group and the function count the same processor time.
func TestUsageIsThatOfTheFunctions(t *testing.T) {
	onNetwork(t, Host)
	pair := mustOpen(t, setupFor(Host, 8<<20, 1))
	if pair.source().group == nil {
		t.Skip("containers have no control groups here")
	}
	if err := pair.send(0); err != nil {
		t.Fatal(err)
	}
	r := pair.Route.(*route)
	var groups, functions measure.Usage
	for range 20 {
		_, _ = r.source.take()
		_, _ = r.targets[0].take()
		used, err := r.container.control.Send(&pair.handoff)
		if err != nil {
			t.Fatal(err)
		}
		functions = functions.Add(used).Add(pair.handoff.Deliveries[0].Usage)
		r.source.correct(&used)
		r.targets[0].correct(&pair.handoff.Deliveries[0].Usage)
		groups = groups.Add(used).Add(pair.handoff.Deliveries[0].Usage)
	}
	if ratio := float64(groups.CPU()) / float64(functions.CPU()); ratio < 0.8 || ratio > 1.3 {
		t.Errorf("control groups counted %d ns, functions %d ns", groups.CPU(), functions.CPU())
	}
}
