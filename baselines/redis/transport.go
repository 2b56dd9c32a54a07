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

// through is a transport through a server.
type through struct{ info transport.Info }

var _ transport.Dependent = through{}

// New is the transport redis: SET and GET.
func New() transport.Transport {
	return through{withFunctions("redis", 1, "A's shim SETs into a redis-server, B's shim GETs, straight from and into linear memory")}
}

// NewPubSub is the transport redis/pubsub: PUBLISH to subscribers.
func NewPubSub() transport.Transport {
	info := withFunctions("redis/pubsub", 2, "A's shim PUBLISHes to a redis-server, B's shim has SUBSCRIBEd, as CWASI does")
	info.ParallelOnly = true
	info.CopiesPerTarget++ // the message in the shim
	return through{info}
}

func withFunctions(name string, place int, summary string) transport.Info {
	return transport.Info{
		Name: name, Summary: summary, Family: transport.Redis, Place: place,
		Runs:    transport.Wasm,
		Codecs:  function.Codecs(),
		Limits:  []string{limitName},
		Guests:  map[transport.Codec][]string{transport.JSON: {guestName}, transport.JSONStd: {guestName}},
		Origins: transport.Origins(),
		// With JSON, which needs the most: the object, its JSON with room to grow, and the
		// server's value; the server's reply, the JSON, the decoded object, and as much garbage
		// before the guest's collector runs.
		CopiesAtSource: 4, CopiesPerTarget: 5,
	}
}

// NewLimit is limit/redis: SET and GET of warm buffers without any function.
func NewLimit() transport.Transport {
	return through{transport.Info{
		Name: limitName, Summary: "no function: SET and GET of a warm buffer on a redis-server", Family: transport.Limit, Place: 8,
		Runs:           transport.NoFunction,
		Codecs:         []transport.Codec{transport.None},
		CopiesAtSource: 2, CopiesPerTarget: 2,
	}}
}

// messages is whether payloads are messages, of which one PUBLISH serves all targets at once; else they are values.
func (t through) messages() bool { return t.info.ParallelOnly }

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

// The values of the parameter that name a private server, by the network over which clients reach it.
const (
	overUnix = "unix"
	overTCP  = "tcp"
)

const parameterForms = "unix, tcp, HOST:PORT, redis://[user[:password]@]host[:port][/db] or unix:///path"

// passwordVariable is the environment variable with the password of a user's server, as for redis-cli: it
// keeps the password out of command lines and manifests.
const passwordVariable = "REDISCLI_AUTH"

// choice is a server that was chosen: a user's, by its URL, or a private one, which listens at the host where there
// is one, and on a Unix socket.
type choice struct{ url, host string }

// choose reads the parameter. It refuses a server that could not be had here. The error does not repeat what may
// hold a password.
func (t through) choose(parameter string) (choice, error) {
	switch {
	case parameter == "" || parameter == overUnix:
		return choice{}, nil
	case parameter == overTCP:
		return choice{host: transport.Loopback}, transport.CheckLoopback(t.info.Name)
	case !strings.Contains(parameter, "://"):
		if host, port, err := net.SplitHostPort(parameter); err != nil || host == "" || port == "" {
			return choice{}, fmt.Errorf("redis server %q: give %s", parameter, parameterForms)
		}
		parameter = "redis://" + parameter
	}
	at, err := parse(parameter)
	if err != nil {
		return choice{}, fmt.Errorf("URL of the redis server: %w: give %s", err, parameterForms)
	}
	return choice{url: at.String()}, transport.CheckHost(t.info.Name, at.Hostname())
}

// parse refuses more than the library does, and adds the password of the environment to a URL without one.
func parse(text string) (*url.URL, error) {
	at, err := url.Parse(text)
	if cause, ok := errors.AsType[*url.Error](err); ok {
		return nil, cause.Err
	}
	settings := at.Query()
	settings.Del("db")
	port, err := strconv.ParseUint(cmp.Or(at.Port(), "6379"), 10, 16)
	switch {
	case at.Scheme != "redis" && at.Scheme != "unix":
		return nil, fmt.Errorf("scheme %q is not possible", at.Scheme)
	case at.Scheme == "unix" && at.Host != "":
		return nil, errors.New("a socket has an absolute path")
	case len(settings) > 0:
		return nil, fmt.Errorf("options %q are not possible", slices.Sorted(maps.Keys(settings)))
	case err != nil || port == 0:
		return nil, fmt.Errorf("port %q is not possible", at.Port())
	}
	if password, _ := at.User.Password(); password == "" && os.Getenv(passwordVariable) != "" {
		at.User = url.UserPassword(at.User.Username(), os.Getenv(passwordVariable))
	}
	_, err = redis.ParseURL(at.String())
	return at, err
}

// read names miniredis for a private server where redis-server is missing.
func (t through) read(parameter string) (*transport.StandIn, error) {
	if at, err := t.choose(parameter); err != nil || at.url != "" || hasServer() {
		return nil, err
	}
	return &transport.StandIn{Name: standInName, For: "redis-server, which is not on PATH", Remedy: "apt-get install redis-server"}, nil
}

func (through) Check() error { return nil }

func (t through) Programs(parameter string) []string {
	path, err := exec.LookPath(program)
	if at, refused := t.choose(parameter); err != nil || refused != nil || at.url != "" {
		return nil
	}
	return []string{path}
}

func (t through) Versions(parameter string) map[string]string {
	at, err := t.choose(parameter)
	if err != nil {
		return nil
	}
	name, version := program, ""
	if at.url != "" {
		if c, err := connect(context.Background(), at.url, "", connectTimeout); err == nil {
			version = c.InfoMap(context.Background(), "Server").Item("Server", "redis_version")
			_ = c.Close()
		}
	} else if text, err := exec.Command(program, "--version").Output(); err == nil { // Redis server v=7.0.15 sha=…
		_, version, _ = strings.Cut(string(text), " v=")
		version, _, _ = strings.Cut(version, " ")
	} else if !hasServer() {
		name, version = standInName, engines.LibraryVersion("github.com/alicebob/miniredis/v2", miniredis.NewMiniRedis)
	}
	if version == "" {
		return nil
	}
	return map[string]string{name: version}
}

// checkSetup refuses what cannot be before anything is started, and reads the parameter.
func (t through) checkSetup(setup transport.Setup) (at choice, err error) {
	switch {
	case !slices.Contains(t.info.Codecs, setup.Codec):
		return at, fmt.Errorf("codec %q is not possible, use one of %q", setup.Codec, t.info.Codecs)
	case setup.Size < 1:
		return at, fmt.Errorf("a payload of %d bytes: it must have at least one", setup.Size)
	}
	if at, err = t.choose(setup.Parameter); err == nil && at.url == "" {
		// JSON, whose length is not known yet, is no shorter than the payload.
		err = privateCapacity.check(setup.Size, t.messages())
	}
	return at, err
}

// serverFact is the fact of an endpoint with the URL of the private server that its target has started: across
// hosts that server is on the target's host, over TCP.
const serverFact = "server"

// Serve implements transport.Transport. A target with its source on another host listens at an address which that
// host reaches, and starts the private server there.
func (t through) Serve(ctx context.Context, setup transport.Setup) (transport.Target, error) {
	chosen, err := t.checkSetup(setup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.info.Name, err)
	}
	into, err := t.receiver(ctx, setup)
	if err != nil {
		return nil, fmt.Errorf("%s: target: %w", t.info.Name, err)
	}
	service := stream.Service{
		Receiver: &resolver{receiver: into, messages: t.messages(), deadline: setup.Deadline},
		Limit:    uint64(function.WireLimit(setup.Codec, setup.Size)),
		Deadline: setup.Deadline,
	}
	address, end := "", into.Close
	ip := net.ParseIP(setup.Address)
	apart := ip != nil && !ip.IsLoopback()
	if apart || chosen.host != "" {
		address = setup.Listen()
	}
	if apart && chosen.url == "" {
		own, err := use(ctx, choice{host: setup.Address})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: target: %w", t.info.Name, err), end())
		}
		end = func() error { return errors.Join(into.Close(), own.release()) }
		service.Facts = map[string]string{serverFact: own.url}
	}
	return stream.Serve(t.info.Name, address, service, end)
}

// server starts the server of a route, unless another route of this process or a target has.
func (t through) server(ctx context.Context, setup transport.Setup) (*server, error) {
	chosen, err := t.checkSetup(setup)
	if err != nil {
		return nil, err
	}
	shared, err := use(ctx, chosen)
	if err != nil {
		return nil, err
	}
	if err := shared.holds.check(setup.Size, t.messages()); err != nil {
		return nil, errors.Join(err, shared.release())
	}
	return shared, nil
}

// Open implements transport.Transport. When it returns every target is connected to the server.
func (t through) Open(ctx context.Context, setup transport.Setup, targets []transport.Endpoint) (transport.Route, error) {
	for _, target := range targets {
		setup.Parameter = cmp.Or(target.Facts[serverFact], setup.Parameter)
	}
	shared, err := t.server(ctx, setup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.info.Name, err)
	}
	s := &sender{server: shared, key: keyPrefix + rand.Text(), lifetime: max(time.Minute, 2*cmp.Or(max(setup.Deadline, 0), time.Hour/2))}
	if t.messages() {
		s.publish = s.publishPayload
	}
	encoded, _ := json.Marshal(directions{shared.url, s.key}) // of texts
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
			s.client, err = connect(ctx, shared.url, "", setup.Deadline)
			return s, err
		},
	})
	if err != nil {
		return nil, errors.Join(err, shared.release())
	}
	return r, nil
}
