package redis

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"rrbench/transport"
)

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
	case "", overUnix, overTCP:
		return place{Private: true, Network: cmp.Or(parameter, overUnix)}, nil
	}
	if !strings.Contains(parameter, "://") {
		if host, port, err := net.SplitHostPort(parameter); err != nil || host == "" || port == "" {
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

// parseURL refuses what the library takes beside a place.
func parseURL(text string) (place, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err
		}
		return place{}, err
	}
	settings := parsed.Query()
	settings.Del("db")
	port, wrong := strconv.ParseUint(cmp.Or(parsed.Port(), "6379"), 10, 16)
	switch {
	case parsed.Scheme != "redis" && parsed.Scheme != "unix":
		return place{}, fmt.Errorf("scheme %q is not possible", parsed.Scheme)
	case parsed.Scheme == "unix" && parsed.Host != "":
		return place{}, errors.New("a socket has an absolute path")
	case len(settings) > 0:
		return place{}, fmt.Errorf("options %q are not possible", slices.Sorted(maps.Keys(settings)))
	case wrong != nil || port == 0:
		return place{}, fmt.Errorf("port %q is not possible", parsed.Port())
	}
	options, err := redis.ParseURL(text)
	if err != nil {
		return place{}, err
	}
	return place{
		Network:  options.Network,
		Address:  options.Addr,
		Username: options.Username,
		Password: cmp.Or(options.Password, os.Getenv(passwordVariable)),
		Database: options.DB,
	}, nil
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
func serverThere(chosen place, targets []transport.Endpoint) (there place, err error) {
	for _, target := range targets {
		if encoded := target.Facts[serverFact]; encoded != "" && chosen.Private {
			if err := json.Unmarshal([]byte(encoded), &there); err != nil {
				return place{}, fmt.Errorf("read where the server is: %w", err)
			}
			return there, nil
		}
	}
	return chosen, nil
}
