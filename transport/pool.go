package transport

import "sync"

// Pool is a number of goroutines that wait for work and begin together: the caller's, so that
// a pool of one hands nothing over between goroutines, and n-1 of its own. One goroutine at a
// time uses it. Running allocates nothing.
type Pool struct {
	// serial is the number of steps of a pool without goroutines of its own.
	serial int
	step   func(i int)
	wake   []chan struct{}
	done   sync.WaitGroup
	ended  sync.WaitGroup
}

// NewPool makes a pool of n, which is at least 1.
func NewPool(n int) *Pool {
	p := &Pool{wake: make([]chan struct{}, n-1)}
	for i := range p.wake {
		wake := make(chan struct{}, 1)
		p.wake[i] = wake
		p.ended.Go(func() {
			for range wake {
				p.step(i + 1)
				p.done.Done()
			}
		})
	}
	return p
}

// Pool makes what serves the targets of a route: a pool, or where they are served in turn what calls
// its steps one after the other.
func (s *Setup) Pool(targets int) *Pool {
	if s.Serial {
		return &Pool{serial: targets}
	}
	return NewPool(targets)
}

// Run calls step(0) to step(n-1) at the same time, or one after the other, and returns when all
// have returned.
func (p *Pool) Run(step func(i int)) {
	if p.serial > 0 {
		for i := range p.serial {
			step(i)
		}
		return
	}
	p.step = step
	p.done.Add(len(p.wake))
	for _, wake := range p.wake {
		wake <- struct{}{}
	}
	step(0)
	p.done.Wait()
}

// Close ends the goroutines.
func (p *Pool) Close() {
	for _, wake := range p.wake {
		close(wake)
	}
	p.wake = nil
	p.ended.Wait()
}
