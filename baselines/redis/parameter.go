package redis

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"rrbench/transport"
	"rrbench/transport/stream"
)

// parameterName is the flag that tells which server to use.
const parameterName = "redis"

const parameterForms = "unix, tcp, HOST:PORT, redis://[user[:password]@]host[:port][/db] or unix:///path"

// passwordVariable holds the password of a user's server, as it does for redis-cli, for
// those who do not want it in a command line and a manifest.
const passwordVariable = "REDISCLI_AUTH"

// The networks over which clients reach a server.
const (
	overUnix = "unix"
	overTCP  = "tcp"
)

// place is where a server is, and how to be let in. It travels to targets.
type place struct {
	// Private is a server of a source's own, of which a user chooses the network alone.
	Private  bool   `json:"-"`
	Network  string `json:"network"`
	Address  string `json:"address"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Database int    `json:"database,omitempty"`
}

// choose reads the parameter. The error does not repeat what may hold a password.
func choose(parameter string) (place, error) {
	switch parameter {
	case "", overUnix:
		return place{Private: true, Network: overUnix}, nil
	case overTCP:
		return place{Private: true, Network: overTCP}, nil
	}
	if !strings.Contains(parameter, "://") {
		if host, port, err := net.SplitHostPort(parameter); err != nil || host == "" || !isPort(port) {
			return place{}, fmt.Errorf("redis server %q: give %s", parameter, parameterForms)
		}
		parameter = "redis://" + parameter
	}
	at, err := parseURL(parameter)
	if err != nil {
		return place{}, fmt.Errorf("URL of the redis server: %w: give %s", err, parameterForms)
	}
	return at, nil
}

func parseURL(text string) (place, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err
		}
		return place{}, err
	}
	if parsed.Scheme != "redis" && parsed.Scheme != "unix" {
		return place{}, fmt.Errorf("scheme %q is not possible", parsed.Scheme)
	}
	if parsed.Scheme == "unix" && parsed.Host != "" {
		return place{}, errors.New("a socket has an absolute path")
	}
	for option := range parsed.Query() {
		if option != "db" {
			return place{}, fmt.Errorf("option %q is not possible", option)
		}
	}
	options, err := redis.ParseURL(text)
	if err != nil {
		return place{}, err
	}
	if _, port, _ := net.SplitHostPort(options.Addr); options.Network == overTCP && !isPort(port) {
		return place{}, fmt.Errorf("port %q is not possible", port)
	}
	return place{
		Network:  options.Network,
		Address:  options.Addr,
		Username: options.Username,
		Password: cmp.Or(options.Password, os.Getenv(passwordVariable)),
		Database: options.DB,
	}, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// listen makes the address of a target: over the network of a private server, else a Unix
// socket. What has its source on another host listens there where that one reaches it.
func (p place) listen(setup transport.Setup) (*stream.Listener, error) {
	if isApart(setup) {
		return stream.ListenTCP(setup.Listen())
	}
	if p.Private && p.Network == overTCP {
		return stream.ListenTCP(loopback)
	}
	return stream.ListenUnix()
}

// isApart says that a target's shim is reached at an address that others than this host have.
func isApart(setup transport.Setup) bool {
	ip := net.ParseIP(setup.Address)
	return ip != nil && !ip.IsLoopback()
}

// serverFact is the fact of an endpoint that says where a private server is which its target has
// started: across hosts it is on the target's, over TCP.
const serverFact = "server"

// serverThere is the private server that targets have started, else the one chosen.
func serverThere(chosen place, targets []transport.Endpoint) (place, error) {
	for _, target := range targets {
		if encoded := target.Facts[serverFact]; encoded != "" && chosen.Private {
			var there place
			if err := json.Unmarshal([]byte(encoded), &there); err != nil {
				return place{}, fmt.Errorf("read where the server is: %w", err)
			}
			return there, nil
		}
	}
	return chosen, nil
}
