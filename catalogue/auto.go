package catalogue

import (
	"context"
	"errors"

	"rrbench/transport"
)

// auto stands for the family that fits the place of the targets, as CWASI chooses by locality (docs/two-nodes.md). A
// plan settles which; no function is ever started by this name, so All does not contain it.
type auto struct{}

func (auto) Info() transport.Info {
	return transport.Info{
		Name:    "auto",
		Summary: "the family by where B runs: user in A's shim, kernel in another on this host, network on another host",
		Family:  transport.Network,
		Place:   5,
		Runs:    transport.Wasm,
		Codecs:  []transport.Codec{transport.None},
		Routes:  map[string]string{transport.PlacementShim: "user", transport.PlacementIntra: "kernel", transport.PlacementInter: "network"},
	}
}

func (auto) Check() error { return nil }

var errSettled = errors.New("auto stands for user, kernel or network by where functions run: name one of these")

func (auto) Serve(context.Context, transport.Setup) (transport.Target, error) { return nil, errSettled }

func (auto) Open(context.Context, transport.Setup, []transport.Endpoint) (transport.Route, error) {
	return nil, errSettled
}
