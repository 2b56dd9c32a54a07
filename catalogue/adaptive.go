package catalogue

import (
	"context"

	"rrbench/transport"
)

// adaptive is a transport that chooses by payload size. The crossover is in the setup, where a plan has put it, so that
// the functions at both ends have the same one.
type adaptive struct {
	with func(crossover int64) transport.Transport
	// learning makes a transport that starts at a crossover and learns from there; nil for one that does not learn.
	learning  func(start int64) transport.Transport
	crossover transport.Crossover
}

func (a adaptive) standard() transport.Transport {
	t, _ := a.choose("") // the built-in crossover can be read
	return t
}

func (a adaptive) Info() transport.Info {
	info := a.standard().Info()
	info.Parameter = &transport.Parameter{
		Flag: "crossover",
		Help: "`SIZE` from which user, kernel and network hand over by reference, never, or default " +
			"(default: as rrbench tune has measured; user and kernel start there and learn)",
		Read: func(value string) (*transport.StandIn, error) {
			_, _, err := a.read(value)
			return nil, err
		},
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

// choose returns the transport that a parameter stands for.
func (a adaptive) choose(parameter string) (transport.Transport, error) {
	crossover, learns, err := transport.ReadStart(parameter)
	if !learns {
		crossover, learns, err = a.read(parameter)
	}
	switch {
	case err != nil:
		return nil, err
	case learns && a.learning != nil:
		return a.learning(crossover), nil
	}
	return a.with(crossover), nil
}

// read reads what a user may give: a crossover, or nothing or a word for the built-in one.
func (a adaptive) read(parameter string) (crossover int64, builtIn bool, err error) {
	if parameter == "" || parameter == transport.BuiltIn {
		return a.crossover.Default, true, nil
	}
	crossover, err = transport.ParseCrossover(parameter)
	return crossover, false, err
}
