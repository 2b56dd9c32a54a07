package modes

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"rrbench/transport"
)

// leastTimeout is what every guest has to initialise itself: a deadline may be shorter than
// a language's runtime takes to start on a busy machine.
const leastTimeout = time.Second

// Initialise runs a step of a set-up in which a guest runs, and gives up after the deadline
// of a hand-off, where there is one. The guest cannot be stopped: the error is
// transport.ErrNoAnswer then, and step still runs, so that what it uses must not be touched.
// Compiling is no such step.
func Initialise(guest string, deadline time.Duration, step func() error) error {
	if deadline <= 0 {
		return step()
	}
	allowed := max(deadline, leastTimeout)
	beside.begin()
	done := make(chan error, 1)
	go func() {
		err := step()
		beside.end()
		done <- err
	}()
	timer := time.NewTimer(allowed)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%w: guest %s is still initialising after %v (--deadline)", transport.ErrNoAnswer, guest, allowed)
	}
}

// beside lets Go code run beside guests, some of which the Go runtime cannot interrupt. A
// garbage collection would wait for such a guest and stop all else, the clock included, so
// there is none while one initialises itself. And there are two processors at least: where
// the machine has one, the kernel shares it.
var beside besides

type besides struct {
	lock   sync.Mutex
	guests int
	// percent and processors are what they were before.
	percent, processors int
}

func (b *besides) begin() {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.guests++; b.guests > 1 {
		return
	}
	if b.percent = debug.SetGCPercent(-1); b.percent >= 0 {
		// One that has begun would go on.
		runtime.GC()
	}
	if b.processors = runtime.GOMAXPROCS(0); b.processors == 1 {
		runtime.GOMAXPROCS(2)
	}
}

func (b *besides) end() {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.guests--; b.guests > 0 {
		return
	}
	debug.SetGCPercent(b.percent)
	if b.processors == 1 {
		runtime.GOMAXPROCS(1)
	}
}
