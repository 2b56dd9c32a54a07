package redis

import (
	"cmp"
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

	"rrbench/transport/stream"
)

// The library also logs the errors that it returns; a shim's output is no place for that.
func init() { logging.Disable() }

var errLost = errors.New("the connection is lost")

// newClient makes a client of a single connection and attempt: a payload that was sent again would be
// two hand-offs in the time of one, and should a private server end, another user's process may listen
// on its port: a subscription would connect to that by itself.
func newClient(at string, deadline time.Duration) (*redis.Client, error) {
	options, err := redis.ParseURL(at)
	if err != nil {
		return nil, err
	}
	var dialled atomic.Bool
	options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Swap(true) {
			return nil, errLost
		}
		connection, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := stream.Tune(connection); err != nil {
			return nil, errors.Join(err, connection.Close())
		}
		return connection, nil
	}
	options.Protocol, options.MaxRetries, options.DialerRetries = 2, -1, 1
	options.ReadTimeout = cmp.Or(max(deadline, 0), -1) // and WriteTimeout; -1 is none
	options.ContextTimeoutEnabled, options.DisableIdentity = true, true
	return redis.NewClient(options), nil
}

// client keeps one connection: that of commands, which is neither taken out of a pool nor probed before
// each, or of a subscription.
type client struct {
	*redis.Conn
	subscription *redis.PubSub
	library      *redis.Client
}

func (c *client) Close() error { return c.library.Close() }

// connectTimeout is the least that a server has to let a client in.
const connectTimeout = 5 * time.Second

// connect makes a client that is connected, and has subscribed to a channel where one is named. The
// context bounds that alone, the deadline each command.
func connect(ctx context.Context, at, channel string, deadline time.Duration) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, max(deadline, connectTimeout))
	defer cancel()
	library, err := newClient(at, deadline)
	if err != nil {
		return nil, err
	}
	c := &client{library.Conn(), library.Subscribe(ctx), library}
	step := "connect to redis-server"
	if channel == "" {
		err = c.Ping(ctx).Err()
	} else if step, err = "SUBSCRIBE", c.subscription.Subscribe(ctx, channel); err == nil {
		_, err = c.subscription.Receive(ctx) // that it holds
	}
	if err != nil {
		return nil, errors.Join(explain(step+" at "+library.Options().Addr, err), c.Close())
	}
	return c, nil
}

// explain adds the remedy, if one is known, to the error of a step.
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
