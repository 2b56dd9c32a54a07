package tune

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/transport"
)

const (
	// turns is how often each mechanism has its turn in a visit.
	turns = 4
	// A turn measures mostRounds hand-offs, after warm-up ones that bring the processor's caches
	// back. Of long payloads it measures as many as make turnBytes, but leastRounds at least.
	mostRounds, leastRounds = 15, 3
	turnBytes               = 32 << 20

	warmUp   = 3
	guest    = "c"
	deadline = 10 * time.Second
)

// times are those of a mechanism's hand-offs in nanoseconds.
type times struct{ latency, consumed []float64 }

// mechanism is one of the two, running.
type mechanism struct {
	source *shim.Process
	// processes are all of its shims, the source's among them.
	processes []*shim.Process
	times     times
}

// visit starts both mechanisms, lets them take turns and returns their times.
func visit(ctx context.Context, pair [2]transport.Transport, engine string, size int64, random *rand.Rand) (_ [2]times, err error) {
	setup := transport.Setup{
		Engine: engine, Guest: guest, Codec: transport.None, Payload: payloads.Text,
		Size: size, Fanout: 1, Deadline: deadline,
	}
	var running [2]mechanism
	defer func() {
		var closing errgroup.Group
		for i := range running {
			for _, process := range running[i].processes {
				closing.Go(process.Close)
			}
		}
		err = errors.Join(err, closing.Wait())
	}()
	for i := range running {
		if err := running[i].start(ctx, pair[i].Info(), setup); err != nil {
			return [2]times{}, fmt.Errorf("%s on %s: %w", pair[i].Info().Name, engine, err)
		}
	}
	first := random.IntN(2)
	for turn := range 2 * turns {
		// One, other, other, one: neither is always the later.
		i := (first + (turn+1)/2) % 2
		if err := running[i].run(ctx, size, random.Uint64()); err != nil {
			return [2]times{}, fmt.Errorf("%s on %s: %w", pair[i].Info().Name, engine, err)
		}
	}
	return [2]times{running[0].times, running[1].times}, nil
}

// start starts the shims and connects them. What it has started is in m.processes whatever
// comes of the rest.
func (m *mechanism) start(ctx context.Context, info transport.Info, setup transport.Setup) error {
	names := []string{"source", "target"}
	if info.Hosting == transport.Together {
		names = names[:1]
	}
	for _, name := range names {
		process, err := shim.Start(ctx, shim.Options{Name: name, Runs: info.Runs})
		if err != nil {
			return err
		}
		m.processes = append(m.processes, process)
	}
	m.source = m.processes[0]
	endpoint, err := m.processes[len(m.processes)-1].Serve(ctx, info.Name, setup)
	if err != nil {
		return err
	}
	return m.source.Open(ctx, info.Name, setup, []transport.Endpoint{endpoint})
}

// run is one turn.
func (m *mechanism) run(ctx context.Context, size int64, seed uint64) error {
	rounds := max(leastRounds, min(mostRounds, int(turnBytes/size)))
	batch := shim.Batch{Payload: payloads.Text, Size: size, Seed: seed, Warmup: warmUp, Rounds: rounds, Deadline: deadline}
	_, err := m.source.Run(ctx, batch, func(r shim.Record) error {
		if r.Err != "" {
			return errors.New(r.Err)
		}
		m.times.latency = append(m.times.latency, float64(r.Timeline.Latency()))
		m.times.consumed = append(m.times.consumed, float64(r.Timeline.ConsumedAfter()))
		return nil
	})
	return err
}
