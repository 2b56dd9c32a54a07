package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"rrbench/baselines/function"
	"rrbench/baselines/limits"
	"rrbench/engines"
	"rrbench/modes/sockets"
	"rrbench/transport"
	"rrbench/transport/stream"
)

const limitName = "limit/redis"

// through is a transport through a server, of messages or of values.
type through struct {
	info     transport.Info
	messages bool
}

var _ transport.Dependent = through{}

// New is the transport redis: SET and GET.
func New() transport.Transport {
	return withFunctions("redis", 1, "A's shim SETs into a redis-server, B's shim GETs, straight from and into linear memory", false)
}

// NewPubSub is the transport redis/pubsub: PUBLISH to subscribers.
func NewPubSub() transport.Transport {
	return withFunctions("redis/pubsub", 2, "A's shim PUBLISHes to a redis-server, B's shim has SUBSCRIBEd, as CWASI does", true)
}

func withFunctions(name string, place int, summary string, messages bool) transport.Transport {
	t := through{messages: messages, info: transport.Info{
		Name: name, Summary: summary, Family: transport.Redis, Place: place,
		Runs:    transport.Wasm,
		Codecs:  function.Codecs(),
		Limits:  []string{limitName},
		Guests:  map[transport.Codec][]string{transport.JSON: {guestName}, transport.JSONStd: {guestName}},
		Origins: transport.Origins(),
		// Where JSON is serialized, which decides: the object, what it is serialized to with room to grow, and the
		// server's value; the server's reply, the serialized object, the decoded one, and as much garbage
		// before the guest's collector runs.
		CopiesAtSource: 4, CopiesPerTarget: 5,
		ParallelOnly: messages,
	}}
	if messages {
		t.info.CopiesPerTarget++ // the message in the shim
	}
	return t
}

// NewLimit is limit/redis: SET and GET of warm buffers without any function.
func NewLimit() transport.Transport {
	return through{info: transport.Info{
		Name: limitName, Summary: "no function: SET and GET of a warm buffer on a redis-server", Family: transport.Limit, Place: 8,
		Runs:           transport.NoFunction,
		Codecs:         []transport.Codec{transport.None},
		CopiesAtSource: 2, CopiesPerTarget: 2,
	}}
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

const parameterForms = "unix, tcp, HOST:PORT, redis://[user[:password]@]host[:port][/db] or unix:///path"

// passwordVariable holds the password of a user's server, as it does for redis-cli, for
// those who do not want it in a command line and a manifest.
const passwordVariable = "REDISCLI_AUTH"

// choose reads the parameter. It refuses a server that could not be had here. The error does not repeat what may
// hold a password.
func (t through) choose(parameter string) (at place, err error) {
	switch {
	case parameter == "" || parameter == overUnix:
		return place{Private: true, Network: overUnix}, nil
	case parameter == overTCP:
		return place{Private: true, Network: overTCP}, transport.CheckLoopback(t.info.Name)
	case !strings.Contains(parameter, "://"):
		if host, port, err := net.SplitHostPort(parameter); err != nil || host == "" || port == "" {
			return at, fmt.Errorf("redis server %q: give %s", parameter, parameterForms)
		}
		parameter = "redis://" + parameter
	}
	o, err := parse(parameter)
	if err != nil {
		return at, fmt.Errorf("URL of the redis server: %w: give %s", err, parameterForms)
	}
	host, _, _ := net.SplitHostPort(o.Addr) // a Unix socket has none
	at = place{Network: o.Network, Address: o.Addr, Username: o.Username, Password: cmp.Or(o.Password, os.Getenv(passwordVariable)), Database: o.DB}
	return at, transport.CheckHost(t.info.Name, host)
}

// parse is the library's, less what that takes beside a place.
func parse(text string) (*redis.Options, error) {
	parsed, err := url.Parse(text)
	if cause, ok := errors.AsType[*url.Error](err); ok {
		return nil, cause.Err
	}
	settings := parsed.Query()
	settings.Del("db")
	port, err := strconv.ParseUint(cmp.Or(parsed.Port(), "6379"), 10, 16)
	switch {
	case parsed.Scheme != "redis" && parsed.Scheme != "unix":
		return nil, fmt.Errorf("scheme %q is not possible", parsed.Scheme)
	case parsed.Scheme == "unix" && parsed.Host != "":
		return nil, errors.New("a socket has an absolute path")
	case len(settings) > 0:
		return nil, fmt.Errorf("options %q are not possible", slices.Sorted(maps.Keys(settings)))
	case err != nil || port == 0:
		return nil, fmt.Errorf("port %q is not possible", parsed.Port())
	}
	return redis.ParseURL(text)
}

// read says that miniredis takes the place of a private server where there is none.
func (t through) read(parameter string) (*transport.StandIn, error) {
	if at, err := t.choose(parameter); err != nil || !at.Private || hasServer() {
		return nil, err
	}
	return &transport.StandIn{Name: standInName, For: "redis-server, which is not on PATH", Remedy: "apt-get install redis-server"}, nil
}

func (through) Check() error { return nil }

func (t through) Programs(parameter string) []string {
	path, err := exec.LookPath(program)
	if at, refused := t.choose(parameter); err != nil || refused != nil || !at.Private {
		return nil
	}
	return []string{path}
}

func (t through) Versions(parameter string) map[string]string {
	at, err := t.choose(parameter)
	name, version := program, ""
	switch {
	case err != nil:
	case !at.Private:
		if c, err := connect(context.Background(), at, "", connectTimeout); err == nil {
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

// checkSetup refuses what cannot be before anything is started, and reads the parameter.
func (t through) checkSetup(setup transport.Setup) (at place, err error) {
	switch {
	case !slices.Contains(t.info.Codecs, setup.Codec):
		err = fmt.Errorf("codec %q is not possible, use one of %q", setup.Codec, t.info.Codecs)
	case setup.Serial && setup.Fanout > 1 && t.messages:
		return at, &transport.Unavailable{Transport: t.info.Name, Reason: "one PUBLISH serves all subscribers at once, not in turn", Remedy: "use --fanout-order parallel"}
	case setup.Size < 1:
		err = fmt.Errorf("a payload of %d bytes: it must have at least one", setup.Size)
	default:
		if at, err = t.choose(setup.Parameter); err == nil && at.Private {
			// JSON, whose length is not known yet, is no shorter than the payload.
			err = privateCapacity.check(setup.Size, t.messages)
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", t.info.Name, err)
	}
	return at, err
}

// serverFact is the fact of an endpoint that names, as a user would, the private server that its target has
// started: across hosts it is on the target's, over TCP.
const serverFact = "server"

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
		Receiver: &resolver{receiver: into, messages: t.messages, deadline: setup.Deadline},
		Limit:    uint64(function.WireLimit(setup.Codec, setup.Size)),
		Deadline: setup.Deadline,
	}
	address, end := "", into.Close
	ip := net.ParseIP(setup.Address)
	apart := ip != nil && !ip.IsLoopback()
	if apart || chosen.Private && chosen.Network == overTCP {
		address = setup.Listen()
	}
	if apart && chosen.Private {
		own, err := use(ctx, place{Private: true, Network: overTCP, Address: setup.Address})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: target: %w", t.info.Name, err), end())
		}
		end = func() error { return errors.Join(into.Close(), own.release()) }
		service.Facts = map[string]string{serverFact: fmt.Sprintf("redis://:%s@%s", own.Password, own.Address)}
	}
	return stream.Serve(t.info.Name, address, service, end)
}

// Open implements transport.Transport. It starts the server, unless another route of this process
// or a target has; every target is connected to it when it returns.
func (t through) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	for _, target := range targets {
		setup.Parameter = cmp.Or(target.Facts[serverFact], setup.Parameter)
	}
	chosen, err := t.checkSetup(setup)
	if err != nil {
		return nil, err
	}
	shared, err := use(ctx, chosen)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.info.Name, err)
	}
	if err := shared.holds.check(setup.Size, t.messages); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", t.info.Name, err), shared.release())
	}
	s := &sender{server: shared, key: keyPrefix + rand.Text(), lifetime: max(time.Minute, 2*cmp.Or(max(setup.Deadline, 0), time.Hour/2))}
	if t.messages {
		s.publish = s.publishPayload
	}
	encoded, _ := json.Marshal(directions{shared.place, s.key}) // of texts and numbers
	r := &route{sender: s}
	r.Route, err = sockets.Open(ctx, targets, sockets.Options{
		FanOptions: stream.FanOptions{Transport: t.info.Name, Deadline: setup.Deadline, Serial: setup.Serial, Preparation: encoded},
		Serializes: setup.Codec.Serializes(),
		NewSource: func(carry sockets.Carrier) (sockets.Source, error) {
			if t.info.Runs == transport.NoFunction {
				return limits.NewSource(setup, carry)
			}
			return t.load(ctx, setup, carry.Send)
		},
		NewReferrer: func([]int) (_ sockets.Referrer, err error) {
			s.client, err = connect(ctx, shared.place, "", setup.Deadline)
			return s, err
		},
	})
	if err != nil {
		return nil, errors.Join(err, shared.release())
	}
	return r, nil
}
