package tune

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

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
	shims *shim.Cell
	times times
}

// visit starts both mechanisms, lets them take turns and returns their times.
func visit(ctx context.Context, pair [2]transport.Transport, engine string, size int64, random *rand.Rand) (_ [2]times, err error) {
	setup := transport.Setup{
		Engine: engine, Guest: guest, Codec: transport.None, Payload: payloads.Text,
		Size: size, Fanout: 1, Deadline: deadline,
	}
	var running [2]mechanism
	defer func() {
		for _, m := range running {
			if m.shims != nil {
				err = errors.Join(err, m.shims.Close())
			}
		}
	}()
	for i := range running {
		if running[i].shims, err = shim.StartCell(ctx, shim.Child{}, pair[i].Info(), setup); err == nil {
			_, err = running[i].shims.Connect(ctx, 1)
		}
		if err != nil {
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

// run is one turn.
func (m *mechanism) run(ctx context.Context, size int64, seed uint64) error {
	rounds := max(leastRounds, min(mostRounds, int(turnBytes/size)))
	batch := shim.Batch{Payload: payloads.Text, Size: size, Seed: seed, Warmup: warmUp, Rounds: rounds, Deadline: deadline}
	_, err := m.shims.Run(ctx, batch, func(r shim.Record) error {
		if r.Err != nil {
			return r.Err
		}
		m.times.latency = append(m.times.latency, float64(r.Timeline.Latency()))
		m.times.consumed = append(m.times.consumed, float64(r.Timeline.ConsumedAfter()))
		return nil
	})
	return err
}
