package redis

import (
	"fmt"
	"os/exec"
	"slices"

	"rrbench/baselines/function"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/workloads"
)

// valueLimit is the longest value that Redis holds unless it is told otherwise, in bytes:
// proto-max-bulk-len.
const valueLimit = 512 << 20

// way is what becomes of a payload.
type way int

const (
	// values are SET and GET by functions.
	values way = iota
	// messages are PUBLISHed to SUBSCRIBErs.
	messages
	// plainly is SET and GET by clients that do nothing else.
	plainly
)

// New is the transport redis: SET and GET.
func New() transport.Transport { return relay{"redis", values} }

// NewPubSub is the transport redis/pubsub: PUBLISH to subscribers.
func NewPubSub() transport.Transport { return relay{"redis/pubsub", messages} }

// NewLimit is limit/redis: SET and GET of warm buffers without any function, as
// redis-benchmark does it.
func NewLimit() transport.Transport { return relay{limitName, plainly} }

const limitName = "limit/redis"

type relay struct {
	name string
	way  way
}

// Info implements transport.Transport.
func (r relay) Info() transport.Info {
	info := transport.Info{
		Name:    r.name,
		Summary: "A's shim SETs into a redis-server, B's shim GETs, straight from and into linear memory",
		Family:  transport.Redis,
		Place:   1,
		Limits:  []string{limitName},
		Hosting: transport.SeparateProcesses,
		Runs:    transport.Wasm,
		Codecs:  []transport.Codec{transport.JSON, transport.Raw, transport.JSONStd},
		Guests:  map[transport.Codec][]string{transport.JSON: {guestName}, transport.JSONStd: {guestName}},
		// JSON decides: the server's reply, the serialized object, the decoded one, and as
		// much garbage before the guest's collector runs.
		CopiesPerTarget: 5,
		// The object, what it is serialized to with room to grow, and the server's value.
		CopiesAtSource: 4,
		Parameter: &transport.Parameter{
			Flag:    parameterName,
			Help:    "`SERVER` of redis and limit/redis: a private one over unix or tcp, or your own: HOST:PORT, redis://…, unix:///path, its password in the URL or in " + passwordVariable,
			Default: string(Unix),
			Read:    r.read,
		},
	}
	switch r.way {
	case messages:
		info.Summary = "A's shim PUBLISHes to a redis-server, B's shim has SUBSCRIBEd, as CWASI does"
		info.Place = 2
		// The message in the shim, too.
		info.CopiesPerTarget++
	case plainly:
		info.Summary = "no function: plain clients SET and GET a warm buffer on a redis-server"
		info.Family, info.Place, info.Limits = transport.Limit, 5, nil
		info.Runs = transport.NoFunction
		info.Codecs = []transport.Codec{transport.None}
		info.CopiesPerTarget, info.CopiesAtSource = 2, 2
	}
	return info
}

// read says that miniredis takes the place of a private server where there is none.
func (r relay) read(parameter string) (*transport.StandIn, error) {
	if at, err := r.choose(parameter); err != nil || !at.Private || hasServer() {
		return nil, err
	}
	return &transport.StandIn{Name: standInName, For: "redis-server, which is not on PATH", Remedy: "apt-get install redis-server"}, nil
}

func hasServer() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Check implements transport.Transport.
func (relay) Check() error { return nil }

// choose reads the parameter, and refuses a server that could not be had here.
func (r relay) choose(parameter string) (place, error) {
	at, err := choose(parameter)
	if err == nil && at.Private && at.Network == TCP {
		err = transport.CheckLoopback(r.name)
	}
	if err != nil || !at.Private || at.Network != TCP || !hasServer() {
		return at, err
	}
	var version [3]int
	text := installedVersion()
	if n, _ := fmt.Sscanf(text, "%d.%d.%d", &version[0], &version[1], &version[2]); n == 3 && slices.Compare(version[:], portVersion) < 0 {
		err = &transport.Unavailable{
			Transport: r.name,
			Reason:    "redis-server " + text + " takes a TCP port only when it starts, when another process could have it first",
			Remedy:    "install redis-server 6.2.1 or newer, or use --redis unix",
		}
	}
	return at, err
}

// portVersion is the first version that accepts CONFIG SET port.
var portVersion = []int{6, 2, 1}

// checkSetup refuses what cannot be before anything is started, and reads the parameter.
func (r relay) checkSetup(setup transport.Setup) (place, error) {
	if err := r.Check(); err != nil {
		return place{}, err
	}
	codecs := r.Info().Codecs
	if !slices.Contains(codecs, setup.Codec) {
		return place{}, fmt.Errorf("%s: codec %q is not possible, use one of %q", r.name, setup.Codec, codecs)
	}
	if setup.Size < 1 {
		return place{}, fmt.Errorf("%s: a payload of %d bytes: it must have at least one", r.name, setup.Size)
	}
	at, err := r.choose(setup.Parameter)
	if err != nil {
		return place{}, fmt.Errorf("%s: %w", r.name, err)
	}
	if at.Private {
		err = r.checkSize(setup.Size, valueLimit)
	}
	return at, err
}

// checkSize refuses what a server with that limit does not hold. JSON, whose length is not
// known yet, is no shorter than the payload.
func (r relay) checkSize(size, limit int64) error {
	if size <= limit {
		return nil
	}
	return fmt.Errorf("%s: a payload of %s is more than a value of the server holds: use at most %s (proto-max-bulk-len)",
		r.name, payloads.FormatSize(size), payloads.FormatSize(limit))
}

// wireLimit is the longest value that a target takes for a payload.
func wireLimit(setup transport.Setup) int64 {
	if serializes(setup.Codec) {
		return function.WireLimit(setup.Codec, setup.Size)
	}
	return setup.Size
}

func serializes(codec transport.Codec) bool {
	return codec == transport.JSON || codec == transport.JSONStd
}

// guestOf names the guest of a setup. The built-in ones, which are the same function, stand
// for the one that serializes.
func guestOf(setup transport.Setup) (string, error) {
	if !serializes(setup.Codec) {
		return setup.Guest, nil
	}
	if setup.Guest != "" && setup.Guest != guestName && !slices.Contains(workloads.Guests(), setup.Guest) {
		return "", fmt.Errorf("guest %s does not serialize: use codec %s, or leave --guest out", setup.Guest, transport.Raw)
	}
	return guestName, nil
}
