package catalogue

import (
	"context"

	"rrbench/transport"
)

// adaptive is a transport that chooses by payload size, with the crossover in the setup: so
// the functions at both ends have the same, which a plan has written down.
type adaptive struct {
	with func(crossover int64) transport.Transport
	// learning is for a transport that starts at a crossover and learns from there; nil for others.
	learning  func(start int64) transport.Transport
	crossover transport.Crossover
}

func (a adaptive) standard() transport.Transport {
	if a.learning != nil {
		return a.learning(a.crossover.Default)
	}
	return a.with(a.crossover.Default)
}

func (a adaptive) Info() transport.Info {
	info := a.standard().Info()
	info.Parameter = &transport.Parameter{
		Flag: "crossover",
		Help: "`SIZE` from which user, kernel and network hand over by reference, never, or default " +
			"(default: as rrbench tune has measured; user and kernel start there and learn)",
		Read:      func(value string) (*transport.StandIn, error) { return nil, check(value) },
		Crossover: &a.crossover,
	}
	return info
}

func (a adaptive) Check() error { return a.standard().Check() }

func (a adaptive) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	chosen, err := a.choose(setup.Parameter)
	if err != nil {
		return nil, err
	}
	return chosen.Serve(ctx, setup)
}

func (a adaptive) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	chosen, err := a.choose(setup.Parameter)
	if err != nil {
		return nil, err
	}
	return chosen.Open(ctx, setup, targets)
}

// choose is the transport that a parameter stands for.
func (a adaptive) choose(parameter string) (transport.Transport, error) {
	start, learns, err := transport.ReadStart(parameter)
	switch {
	case err != nil:
		return nil, err
	case learns && a.learning != nil:
		return a.learning(start), nil
	case parameter == "" || parameter == transport.BuiltIn:
		return a.standard(), nil
	}
	crossover, err := transport.ParseCrossover(parameter)
	if err != nil {
		return nil, err
	}
	return a.with(crossover), nil
}

// check refuses what a user cannot mean.
func check(parameter string) error {
	if parameter == "" || parameter == transport.BuiltIn {
		return nil
	}
	_, err := transport.ParseCrossover(parameter)
	return err
}
