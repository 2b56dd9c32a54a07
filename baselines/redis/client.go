package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The library logs what it returns as an error, too; a shim's output is no place for that.
func init() { logging.Disable() }

// newClient makes a client with one connection. No command is tried twice: a payload that
// was sent again would be two hand-offs in the time of one.
//
// After PoolSize dials that failed, the library probes the server from a goroutine that
// outlives the client by up to a second. A client dials fewer times before its route is broken.
func newClient(at place, deadline time.Duration) *redis.Client {
	if deadline <= 0 {
		deadline = -1 // none
	}
	return redis.NewClient(&redis.Options{
		Network:                  string(at.Network),
		Addr:                     at.Address,
		Username:                 at.Username,
		Password:                 at.Password,
		DB:                       at.Database,
		Dialer:                   dialerOf(at),
		Protocol:                 2,
		MaxRetries:               -1,
		DialerRetries:            1,
		ReadTimeout:              deadline,
		WriteTimeout:             deadline,
		ContextTimeoutEnabled:    true,
		PoolSize:                 64,
		MaxActiveConns:           1,
		ConnMaxIdleTime:          -1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// connectPatience is the least that a server has to let a client in.
const connectPatience = 5 * time.Second

// connect makes a client that is connected.
func connect(ctx context.Context, at place, deadline time.Duration) (*redis.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, max(deadline, connectPatience))
	defer cancel()
	client := newClient(at, deadline)
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(explain("connect to redis-server at "+at.Address, err), client.Close())
	}
	return client, nil
}

// errLost is returned where a connection is not made a second time.
var errLost = errors.New("the connection is lost")

// dialerOf dials a private server once: should the server end, another user's process may
// listen on its port.
func dialerOf(at place) func(ctx context.Context, network, address string) (net.Conn, error) {
	if !at.Private {
		return dial
	}
	var dialled atomic.Bool
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Swap(true) {
			return nil, errLost
		}
		return dial(ctx, network, address)
	}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := tune(connection); err != nil {
		_ = connection.Close()
		return nil, err
	}
	return connection, nil
}

// explain names the remedy of what a server answers.
func explain(step string, err error) error {
	remedy := ""
	switch text := err.Error(); {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		remedy = " (a longer deadline may help)"
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%s: the server does not have the value any more: was it evicted? (raise its maxmemory, or set maxmemory-policy noeviction)", step)
	case errors.Is(err, io.EOF), errors.Is(err, errLost), strings.Contains(text, "connection refused"), strings.Contains(text, "broken pipe"), strings.Contains(text, "connection reset"), strings.Contains(text, "no such file"):
		remedy = " (has redis-server ended?)"
	case strings.HasPrefix(text, "OOM"):
		remedy = " (raise the server's maxmemory)"
	case strings.Contains(text, "invalid bulk length"):
		remedy = " (raise the server's proto-max-bulk-len)"
	case strings.HasPrefix(text, "NOAUTH"), strings.HasPrefix(text, "WRONGPASS"), strings.HasPrefix(text, "NOPERM"):
		remedy = " (give the server's user and password: --redis redis://user:password@host:port, or the password in " + passwordVariable + ")"
	}
	return fmt.Errorf("%s: %w%s", step, err, remedy)
}
