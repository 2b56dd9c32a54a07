package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"rrbench/measure"
	"rrbench/payloads"
)

// attach looks at a user's server: whether it lets us in, what it holds, and whether it
// tells its usage. It changes nothing there.
func attach(ctx context.Context, at place) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, attachPatience)
	defer cancel()
	client, err := connect(ctx, at, attachPatience)
	if err != nil {
		return nil, err
	}
	text, err := client.Info(ctx).Result()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask redis-server at %s what it uses: %w (allow this user INFO, or use a private server)", at.Address, err), client.Close())
	}
	told := parseInfo(text)
	usage := &toldUsage{client: client}
	if _, err := usage.Take(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &server{place: at, limits: limitsOf(ctx, client, told), usage: usage}, nil
}

// parseInfo takes the answer of INFO apart.
func parseInfo(text string) map[string]string {
	told := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			told[name] = value
		}
	}
	return told
}

// limits are what a server holds, in bytes; what it does not tell, or does not limit, is 0.
type limits struct {
	// value bounds a value, output what may wait for a subscriber.
	value, output int64
	// memory is maxmemory and used what was in use; evicts that other values make room.
	memory, used int64
	evicts       string
}

// limitsOf asks for the limits. Users that may not see the configuration learn them from
// failures.
func limitsOf(ctx context.Context, client *redis.Client, told map[string]string) limits {
	var l limits
	l.memory, _ = strconv.ParseInt(told["maxmemory"], 10, 64)
	l.used, _ = strconv.ParseInt(told["used_memory"], 10, 64)
	if policy := told["maxmemory_policy"]; policy != "noeviction" {
		l.evicts = policy
	}
	if set, err := client.ConfigGet(ctx, "proto-max-bulk-len").Result(); err == nil {
		l.value, _ = strconv.ParseInt(set["proto-max-bulk-len"], 10, 64)
	}
	if set, err := client.ConfigGet(ctx, "client-output-buffer-limit").Result(); err == nil {
		l.output = outputLimit(set["client-output-buffer-limit"])
	}
	return l
}

// outputLimit finds the hard limit of subscribers: "normal 0 0 0 slave … pubsub hard soft
// seconds".
func outputLimit(text string) int64 {
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 4 {
		if words[i] == "pubsub" {
			limit, _ := strconv.ParseInt(words[i+1], 10, 64)
			return limit
		}
	}
	return 0
}

// check refuses what the server would not take, would cut off, or would drop a user's own
// values for.
func (l limits) check(of way, n int64) error {
	size := payloads.FormatSize(n)
	switch {
	case l.value > 0 && n > l.value:
		return fmt.Errorf("%s are more than a value of the server holds: use at most %s, or raise its proto-max-bulk-len", size, payloads.FormatSize(l.value))
	case of == messages && l.output > 0 && n > l.output:
		return fmt.Errorf("the server cuts off subscribers that %s wait for: its client-output-buffer-limit pubsub is %s; raise it, or set it to 0 0 0", size, payloads.FormatSize(l.output))
	case of != messages && l.memory > 0 && l.evicts != "" && l.used+n > l.memory:
		return fmt.Errorf("to hold %s the server would evict other values: %s of its maxmemory of %s are in use and its policy is %s; raise maxmemory, or set maxmemory-policy noeviction",
			size, payloads.FormatSize(l.used), payloads.FormatSize(l.memory), l.evicts)
	}
	return nil
}

// toldUsage is what a user's server tells of its own usage: CPU time and resident memory.
type toldUsage struct {
	client *redis.Client
	mutex  sync.Mutex
	last   measure.Usage
	peak   int64
}

func (u *toldUsage) ask(section string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), attachPatience)
	defer cancel()
	text, err := u.client.Info(ctx, section).Result()
	if err != nil {
		return nil, explain("ask redis-server what it uses", err)
	}
	return parseInfo(text), nil
}

// Take reads CPU times that the server tells to the microsecond. It tells neither faults
// nor context switches.
func (u *toldUsage) Take() (measure.Usage, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	told, err := u.ask("cpu")
	if err != nil {
		return measure.Usage{}, err
	}
	user, userErr := seconds(told["used_cpu_user"])
	kernel, kernelErr := seconds(told["used_cpu_sys"])
	if err := errors.Join(userErr, kernelErr); err != nil {
		return measure.Usage{}, fmt.Errorf("ask redis-server what it uses: %w", err)
	}
	now := measure.Usage{UserNs: user, KernelNs: kernel}
	taken := now.Sub(u.last)
	u.last = now
	return taken, nil
}

func seconds(text string) (int64, error) {
	value, err := strconv.ParseFloat(text, 64)
	return int64(value * float64(time.Second)), err
}

// Memory is the most resident memory that the server has told of.
func (u *toldUsage) Memory() (measure.Memory, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	told, err := u.ask("memory")
	if err != nil {
		return measure.Memory{}, err
	}
	resident, err := strconv.ParseInt(told["used_memory_rss"], 10, 64)
	if err != nil {
		return measure.Memory{}, fmt.Errorf("ask redis-server what it uses: %w", err)
	}
	u.peak = max(u.peak, resident)
	return measure.Memory{RSSPeak: u.peak, PSSPeak: u.peak}, nil
}

func (u *toldUsage) Close() error { return u.client.Close() }
