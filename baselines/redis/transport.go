package redis

import (
	"cmp"
	"fmt"
	"net"
	"os/exec"
	"slices"

	"rrbench/baselines/function"
	"rrbench/transport"
)

// valueLimit is the longest value that Redis holds unless it is configured otherwise, in bytes:
// proto-max-bulk-len.
const valueLimit = 512 << 20

const limitName = "limit/redis"

// through is a transport through a server.
type through struct {
	info     transport.Info
	exchange exchange
	ends     ends
}

// Copies where JSON is serialized, which decides: at the source the object, what it is serialized
// to with room to grow, and the server's value; at a target the server's reply, the serialized
// object, the decoded one, and as much garbage before the guest's collector runs.
const (
	jsonAtSource  = 4
	jsonPerTarget = 5
)

// New is the transport redis: SET and GET.
func New() transport.Transport {
	return through{transport.Info{
		Name:            "redis",
		Summary:         "A's shim SETs into a redis-server, B's shim GETs, straight from and into linear memory",
		Place:           1,
		CopiesAtSource:  jsonAtSource,
		CopiesPerTarget: jsonPerTarget,
	}, values{}, functions{}}
}

// NewPubSub is the transport redis/pubsub: PUBLISH to subscribers.
func NewPubSub() transport.Transport {
	return through{transport.Info{
		Name:            "redis/pubsub",
		Summary:         "A's shim PUBLISHes to a redis-server, B's shim has SUBSCRIBEd, as CWASI does",
		Place:           2,
		CopiesAtSource:  jsonAtSource,
		CopiesPerTarget: jsonPerTarget + 1, // the message in the shim
		ParallelOnly:    true,
	}, messages{}, functions{}}
}

// NewLimit is limit/redis: SET and GET of warm buffers without any function.
func NewLimit() transport.Transport {
	return through{transport.Info{
		Name:            limitName,
		Summary:         "no function: SET and GET of a warm buffer on a redis-server",
		Place:           8,
		CopiesAtSource:  2,
		CopiesPerTarget: 2,
	}, values{}, buffers{}}
}

func (t through) Info() transport.Info {
	info := t.info
	info.Hosting, info.Across, info.FansIn = transport.SeparateProcesses, true, true
	info.Parameter = &transport.Parameter{
		Flag:    parameterName,
		Help:    "`SERVER` of redis and limit/redis: a private one over unix or tcp, or your own: HOST:PORT, redis://…, unix:///path, its password in the URL or in " + passwordVariable,
		Default: overUnix,
		Read:    t.read,
	}
	if info.Name == limitName {
		info.Family, info.Runs, info.Codecs = transport.Limit, transport.NoFunction, []transport.Codec{transport.None}
		return info
	}
	info.Family, info.Runs, info.Codecs = transport.Redis, transport.Wasm, function.Codecs()
	info.Limits = []string{limitName}
	info.Guests = map[transport.Codec][]string{transport.JSON: {guestName}, transport.JSONStd: {guestName}}
	// The guest that serializes makes its objects itself where it can, as OriginHeap has it.
	info.Origins = transport.Origins()
	return info
}

// read says that miniredis takes the place of a private server where there is none.
func (t through) read(parameter string) (*transport.StandIn, error) {
	if at, err := t.choose(parameter); err != nil || !at.Private || hasServer() {
		return nil, err
	}
	return &transport.StandIn{Name: standInName, For: "redis-server, which is not on PATH", Remedy: "apt-get install redis-server"}, nil
}

func hasServer() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func (through) Check() error { return nil }

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
	codecs := t.Info().Codecs
	if !slices.Contains(codecs, setup.Codec) {
		return place{}, fmt.Errorf("%s: codec %q is not possible, use one of %q", t.info.Name, setup.Codec, codecs)
	}
	if setup.Serial && setup.Fanout > 1 && t.info.ParallelOnly {
		return place{}, &transport.Unavailable{Transport: t.info.Name, Reason: "one PUBLISH serves all subscribers at once, not in turn", Remedy: "use --fanout-order parallel"}
	}
	if setup.Size < 1 {
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

// wireLimit is the longest value that a target takes for a payload.
func wireLimit(setup transport.Setup) int64 {
	if serializes(setup.Codec) {
		return function.WireLimit(setup.Codec, setup.Size)
	}
	return setup.Size
}
