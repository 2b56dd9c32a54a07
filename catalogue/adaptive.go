package catalogue

import (
	"context"

	"rrbench/transport"
)

// adaptive is a transport that chooses by payload size, with the crossover in the setup: so
// the functions at both ends have the same, which a plan has written down.
type adaptive struct {
	with      func(crossover int64) transport.Transport
	crossover transport.Crossover
}

var _ transport.Transport = adaptive{}

func (a adaptive) standard() transport.Transport { return a.with(a.crossover.Default) }

func (a adaptive) Info() transport.Info {
	info := a.standard().Info()
	info.Parameter = &transport.Parameter{
		Flag: "crossover",
		Help: "`SIZE` from which user, kernel and network hand over by reference, never, or default " +
			"(default: as rrbench tune has measured)",
		Read:      func(value string) (*transport.StandIn, error) { _, err := a.parse(value); return nil, err },
		Crossover: &a.crossover,
	}
	return info
}

func (a adaptive) Check() error { return a.standard().Check() }

func (a adaptive) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	chosen, err := a.parse(setup.Parameter)
	if err != nil {
		return nil, err
	}
	return a.with(chosen).Serve(ctx, setup)
}

func (a adaptive) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	chosen, err := a.parse(setup.Parameter)
	if err != nil {
		return nil, err
	}
	return a.with(chosen).Open(ctx, setup, targets)
}

func (a adaptive) parse(parameter string) (int64, error) {
	if parameter == "" || parameter == transport.BuiltIn {
		return a.crossover.Default, nil
	}
	return transport.ParseCrossover(parameter)
}
