package external

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"rrbench/baselines/function"
	"rrbench/transport"
)

// Name is the transport's.
const Name = "http/external"

// module is a function in C that runtimes of containerd can start: see workloads/build.sh.
//
//go:embed guest/built/function.wasm
var module []byte

// URL is the transport http/external.
type URL struct{}

// New is http/external.
func New() transport.Transport { return URL{} }

func (URL) Info() transport.Info {
	return transport.Info{
		Name:    Name,
		Summary: "a native function posts to any HTTP function at --url, which answers length and digest",
		Family:  transport.HTTP,
		Place:   4,
		Limits:  []string{"limit/tcp"},
		// There is no target of ours that would need a shim.
		Hosting: transport.SharedProcess,
		Runs:    transport.Native,
		Codecs:  function.Codecs(),
		// What B holds, and where, is unknown.
		CopiesPerTarget: 0,
		// The object and its serialized form.
		CopiesAtSource: 3,
		ReadsOnly:      true,
		Acknowledged:   true,
		Parameter: &transport.Parameter{
			Flag:     "url",
			Help:     "address of the function that " + Name + " measures, http://HOST:PORT/PATH",
			Needed:   "no function was named: give its address with --url http://HOST:PORT/PATH, or --containerd-runtime NAME, see docs/external.md",
			Function: module,
			Read: func(value string) (*transport.StandIn, error) {
				if name, ok := strings.CutPrefix(value, transport.ByContainerd); ok {
					return &transport.StandIn{Name: name, For: "a function of your own", Remedy: "give its address with --url"}, nil
				}
				parsed, err := parse(value)
				if err == nil {
					err = transport.CheckHost(Name, parsed.Hostname())
				}
				return nil, err
			},
		},
	}
}

// Check implements transport.Transport: net/http runs everywhere.
func (URL) Check() error { return nil }

// parse refuses what no request can be sent to.
func parse(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return nil, fmt.Errorf("url %q: %w (write http://HOST:PORT/PATH)", text, err)
	}
	port, portErr := strconv.Atoi(parsed.Port())
	switch {
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return nil, fmt.Errorf("url %q: it must begin with http:// or https://", text)
	case parsed.Hostname() == "":
		return nil, fmt.Errorf("url %q: it names no host (write http://HOST:PORT/PATH)", text)
	case parsed.Port() != "" && (portErr != nil || port < 1 || port > 0xffff):
		return nil, fmt.Errorf("url %q: port %s is none, use 1 to 65535", text, parsed.Port())
	case parsed.User != nil:
		return nil, fmt.Errorf("url of host %s: leave out user and password, they would be written into the results", parsed.Host)
	}
	return parsed, nil
}

// Serve implements transport.Transport: the function is there already.
func (URL) Serve(_ context.Context, setup transport.Setup) (transport.Target, error) {
	address := setup.Parameter
	if strings.HasPrefix(address, transport.ByContainerd) {
		address = "http://" + setup.Address + "/"
	}
	if _, err := parse(address); err != nil {
		return nil, err
	}
	return target{transport.Endpoint{Transport: Name, Address: address}}, nil
}

// target is a function of the user's.
type target struct{ endpoint transport.Endpoint }

func (t target) Endpoint() transport.Endpoint { return t.endpoint }

func (target) Close() error { return nil }
