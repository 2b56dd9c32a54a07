package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"

	"github.com/alicebob/miniredis/v2"

	"rrbench/baselines/function"
	"rrbench/engines"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

// valueLimit is the longest value that Redis holds unless it is configured otherwise, in bytes:
// proto-max-bulk-len.
const valueLimit = 512 << 20

const limitName = "limit/redis"

// through is a transport through a server.
type through struct {
	info     transport.Info
	exchange exchange
}

var _ transport.Dependent = through{}

// Copies where JSON is serialized, which decides: at the source the object, what it is serialized
// to with room to grow, and the server's value; at a target the server's reply, the serialized
// object, the decoded one, and as much garbage before the guest's collector runs.
const (
	jsonAtSource  = 4
	jsonPerTarget = 5
)

// New is the transport redis: SET and GET.
func New() transport.Transport {
	return newFunctions(transport.Info{
		Name:            "redis",
		Summary:         "A's shim SETs into a redis-server, B's shim GETs, straight from and into linear memory",
		Place:           1,
		CopiesPerTarget: jsonPerTarget,
	}, values{})
}

// NewPubSub is the transport redis/pubsub: PUBLISH to subscribers.
func NewPubSub() transport.Transport {
	return newFunctions(transport.Info{
		Name:            "redis/pubsub",
		Summary:         "A's shim PUBLISHes to a redis-server, B's shim has SUBSCRIBEd, as CWASI does",
		Place:           2,
		CopiesPerTarget: jsonPerTarget + 1, // the message in the shim
		ParallelOnly:    true,
	}, messages{})
}

func newFunctions(info transport.Info, exchange exchange) through {
	info.Family, info.Runs, info.Codecs = transport.Redis, transport.Wasm, function.Codecs()
	info.Limits, info.CopiesAtSource = []string{limitName}, jsonAtSource
	info.Guests = map[transport.Codec][]string{transport.JSON: {guestName}, transport.JSONStd: {guestName}}
	// The guest that serializes makes its objects itself where it can, as OriginHeap has it.
	info.Origins = transport.Origins()
	return through{info, exchange}
}

// NewLimit is limit/redis: SET and GET of warm buffers without any function.
func NewLimit() transport.Transport {
	return through{transport.Info{
		Name:            limitName,
		Summary:         "no function: SET and GET of a warm buffer on a redis-server",
		Family:          transport.Limit,
		Place:           8,
		Runs:            transport.NoFunction,
		Codecs:          []transport.Codec{transport.None},
		CopiesAtSource:  2,
		CopiesPerTarget: 2,
	}, values{}}
}

func (t through) Info() transport.Info {
	info := t.info
	info.Hosting, info.Across, info.FansIn = transport.SeparateProcesses, true, true
	info.Parameter = &transport.Parameter{
		Flag:    "redis",
		Help:    "`SERVER` of redis and limit/redis: a private one over unix or tcp, or your own: HOST:PORT, redis://…, unix:///path, its password in the URL or in " + passwordVariable,
		Default: overUnix,
		Read:    t.read,
	}
	return info
}

// read says that miniredis takes the place of a private server where there is none.
func (t through) read(parameter string) (*transport.StandIn, error) {
	if at, err := t.choose(parameter); err != nil || !at.Private || hasServer() {
		return nil, err
	}
	return &transport.StandIn{Name: standInName, For: "redis-server, which is not on PATH", Remedy: "apt-get install redis-server"}, nil
}

func (through) Check() error { return nil }

func (through) Programs(parameter string) []string {
	path, err := exec.LookPath(program)
	if at, mistake := choose(parameter); err != nil || mistake != nil || !at.Private {
		return nil
	}
	return []string{path}
}

func (through) Versions(parameter string) map[string]string {
	at, err := choose(parameter)
	name, version := program, ""
	switch {
	case err != nil:
	case !at.Private:
		if c, err := connect(context.Background(), at, connectTimeout); err == nil {
			version = c.InfoMap(context.Background(), "Server").Item("Server", "redis_version")
			_ = c.Close()
		}
	case hasServer():
		text, _ := exec.Command(program, "--version").Output() // Redis server v=7.0.15 sha=…
		_, version, _ = strings.Cut(string(text), " v=")
		version, _, _ = strings.Cut(version, " ")
	default:
		name, version = standInName, engines.LibraryVersion("github.com/alicebob/miniredis/v2", miniredis.NewMiniRedis)
	}
	if version == "" {
		return nil
	}
	return map[string]string{name: version}
}

// choose reads the parameter, and refuses a server that could not be had here.
func (t through) choose(parameter string) (place, error) {
	at, err := choose(parameter)
	if err == nil && at.Network == overTCP {
		host, _, _ := net.SplitHostPort(cmp.Or(at.Address, loopback))
		err = transport.CheckHost(t.info.Name, host)
	}
	return at, err
}

// checkSetup refuses what cannot be before anything is started, and reads the parameter.
func (t through) checkSetup(setup transport.Setup) (place, error) {
	switch {
	case !slices.Contains(t.info.Codecs, setup.Codec):
		return place{}, fmt.Errorf("%s: codec %q is not possible, use one of %q", t.info.Name, setup.Codec, t.info.Codecs)
	case setup.Serial && setup.Fanout > 1 && t.info.ParallelOnly:
		return place{}, &transport.Unavailable{Transport: t.info.Name, Reason: "one PUBLISH serves all subscribers at once, not in turn", Remedy: "use --fanout-order parallel"}
	case setup.Size < 1:
		return place{}, fmt.Errorf("%s: a payload of %d bytes: it must have at least one", t.info.Name, setup.Size)
	}
	at, err := t.choose(setup.Parameter)
	if err == nil && at.Private {
		// JSON, whose length is not known yet, is no shorter than the payload.
		err = capacity{value: valueLimit}.check(setup.Size)
	}
	if err != nil {
		return place{}, fmt.Errorf("%s: %w", t.info.Name, err)
	}
	return at, nil
}

// Serve implements transport.Transport. What has its source on another host listens where that one
// reaches it, and starts the private server there.
func (t through) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	chosen, err := t.checkSetup(setup)
	if err != nil {
		return nil, err
	}
	into, err := t.receiver(ctx, setup)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.info.Name, err)
	}
	service := stream.Service{
		Receiver: &resolver{receiver: into, exchange: t.exchange, deadline: setup.Deadline},
		Limit:    uint64(function.WireLimit(setup.Codec, setup.Size)),
		Deadline: setup.Deadline,
	}
	end := into.Close
	if chosen.Private && isApart(setup) {
		own, err := use(ctx, place{Private: true, Network: overTCP, Address: setup.Address})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: target: %w", t.info.Name, err), into.Close())
		}
		end = func() error { return errors.Join(into.Close(), own.release()) }
		encoded, err := json.Marshal(own.place)
		if err != nil {
			return nil, errors.Join(err, end())
		}
		service.Facts = map[string]string{serverFact: string(encoded)}
	}
	address := ""
	if isApart(setup) || chosen.Private && chosen.Network == overTCP {
		address = setup.Listen()
	}
	return stream.Serve(t.info.Name, address, service, end)
}

// Open implements transport.Transport. It starts the server, unless another route of this
// process has; every target is connected to it when it returns.
func (t through) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	chosen, err := t.checkSetup(setup)
	if err == nil {
		chosen, err = serverThere(chosen, targets)
	}
	if err != nil {
		return nil, err
	}
	s, err := newSender(ctx, setup, chosen, t.exchange)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.info.Name, err)
	}
	encoded, err := json.Marshal(directions{s.server.place, s.key})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	r := &route{sender: s}
	r.Route, err = sockets.Open(ctx, targets, sockets.Options{
		FanOptions: stream.FanOptions{Transport: t.info.Name, Deadline: setup.Deadline, Serial: setup.Serial, Preparation: encoded},
		NewSource: func(carry sockets.Carrier) (sockets.Source, error) {
			return t.source(ctx, setup, carry)
		},
		NewReferrer: func([]int) (sockets.Referrer, error) { return t.exchange.referrer(s), nil },
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return r, nil
}
