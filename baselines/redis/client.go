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
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"rrbench/transport/stream"
)

// The library logs what it returns as an error, too; a shim's output is no place for that.
func init() { logging.Disable() }

// client keeps one connection of the library's, which it neither takes out of a pool nor
// probes before each command.
type client struct {
	*redis.Conn
	library *redis.Client
}

func (c *client) Close() error { return c.library.Close() }

// newClient makes a client that connects once. No command is tried twice: a payload that was
// sent again would be two hand-offs in the time of one.
//
// After PoolSize dials that failed, the library probes the server from a goroutine that
// outlives the client by up to a second. A client dials fewer times before it is given up.
func newClient(at place, deadline time.Duration) *redis.Client {
	if deadline <= 0 {
		deadline = -1 // none
	}
	return redis.NewClient(&redis.Options{
		Network:                  at.Network,
		Addr:                     at.Address,
		Username:                 at.Username,
		Password:                 at.Password,
		DB:                       at.Database,
		Dialer:                   dialOnce(),
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

// connectTimeout is the least that a server has to let a client in.
const connectTimeout = 5 * time.Second

// connect makes a client that is connected. The context bounds that alone, the deadline each
// command.
func connect(ctx context.Context, at place, deadline time.Duration) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, max(deadline, connectTimeout))
	defer cancel()
	library := newClient(at, deadline)
	c := &client{library.Conn(), library}
	if err := c.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(explain("connect to redis-server at "+at.Address, err), c.Close())
	}
	return c, nil
}

// errLost is returned where a connection is not made a second time.
var errLost = errors.New("the connection is lost")

// dialOnce returns a dialer for one connection: should a private server end, another user's
// process may listen on its port, and what a lost connection was sent could be taken for an
// answer on the next.
func dialOnce() func(ctx context.Context, network, address string) (net.Conn, error) {
	var dialled atomic.Bool
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Swap(true) {
			return nil, errLost
		}
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := stream.Tune(connection); err != nil {
			return nil, errors.Join(err, connection.Close())
		}
		return connection, nil
	}
}

// explain names the remedy of what a server answers.
func explain(step string, err error) error {
	if err == nil {
		return nil
	}
	remedy := ""
	switch text := err.Error(); {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		remedy = " (a longer deadline may help)"
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%s: the server does not have the value any more: was it evicted? (raise its maxmemory, or set maxmemory-policy noeviction)", step)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		remedy = " (has redis-server ended? It hangs up on more than its proto-max-bulk-len or client-output-buffer-limit, too)"
	case errors.Is(err, errLost), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
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
