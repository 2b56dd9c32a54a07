package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"rrbench/measure"
	"rrbench/payloads"
)

// attach looks at a user's server: whether it lets us in, what it holds, and whether it
// tells its usage. It changes nothing there.
func attach(ctx context.Context, at place) (*server, error) {
	c, err := connect(ctx, at, "", connectTimeout)
	if err != nil {
		return nil, err
	}
	usage := &reportedUsage{client: c}
	if _, err := usage.Take(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (allow this user INFO, or use a private server)", err), c.Close())
	}
	info := func(field string) string { return c.InfoMap(ctx, memorySection).Item(memorySection, field) }
	// Users that may not see the configuration learn its limits from failures.
	set := func(name string) string { return c.ConfigGet(ctx, name).Val()[name] }
	return &server{place: at, usage: usage, holds: capacity{
		value:  number(set("proto-max-bulk-len")),
		output: outputLimit(set("client-output-buffer-limit")),
		memory: number(info("maxmemory")),
		used:   number(info("used_memory")),
		evicts: info("maxmemory_policy"),
	}}, nil
}

// number is 0 where there is none.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// outputLimit finds the hard limit of subscribers: "normal 0 0 0 slave … pubsub hard soft
// seconds".
func outputLimit(text string) int64 {
	_, limits, _ := strings.Cut(text, "pubsub ")
	hard, _, _ := strings.Cut(limits, " ")
	return number(hard)
}

// capacity is what a server holds, in bytes; what it does not tell, or does not limit, is 0.
type capacity struct {
	// value bounds a value, output what may wait for a subscriber.
	value, output int64
	// memory is maxmemory and used what was in use; evicts is how others make room, maxmemory-policy.
	memory, used int64
	evicts       string
}

// privateCapacity is what Redis holds unless it is configured otherwise: proto-max-bulk-len.
var privateCapacity = capacity{value: 512 << 20}

// check refuses what the server would not take, would cut off, or would drop a user's own
// values for.
func (holds capacity) check(n int64, message bool) error {
	size := payloads.FormatSize
	switch {
	case message && holds.output > 0 && n > holds.output:
		return fmt.Errorf("the server cuts off subscribers that %s wait for: its client-output-buffer-limit pubsub is %s; raise it, or set it to 0 0 0", size(n), size(holds.output))
	case !message && holds.memory > 0 && holds.evicts != "" && holds.evicts != "noeviction" && holds.used+n > holds.memory:
		return fmt.Errorf("to hold %s the server would evict other values: %s of its maxmemory of %s are in use and its policy is %s; raise maxmemory, or set maxmemory-policy noeviction",
			size(n), size(holds.used), size(holds.memory), holds.evicts)
	case holds.value > 0 && n > holds.value:
		return fmt.Errorf("%s are more than a value of the server holds: use at most %s, or raise its proto-max-bulk-len", size(n), size(holds.value))
	}
	return nil
}

const memorySection = "Memory"

// reportedUsage is what a user's server reports of its own usage.
type reportedUsage struct {
	client *client
	mutex  sync.Mutex
	last   measure.Usage
	peak   int64
}

// ask asks for the numbers in fields of a section of INFO.
func (u *reportedUsage) ask(section string, fields ...string) ([]float64, error) {
	info := u.client.InfoMap(context.Background(), section)
	err := info.Err()
	numbers := make([]float64, len(fields))
	for i, field := range fields {
		if err == nil {
			numbers[i], err = strconv.ParseFloat(info.Item(section, field), 64)
		}
	}
	return numbers, explain("ask redis-server what it uses", err)
}

// Take reads CPU times that the server tells to the microsecond. It tells neither faults
// nor context switches.
func (u *reportedUsage) Take() (measure.Usage, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	seconds, err := u.ask("CPU", "used_cpu_user", "used_cpu_sys")
	if err != nil {
		return measure.Usage{}, err
	}
	before := u.last
	u.last = measure.Usage{UserNs: int64(seconds[0] * 1e9), KernelNs: int64(seconds[1] * 1e9)}
	return u.last.Sub(before), nil
}

// Memory is the most resident memory that the server has reported.
func (u *reportedUsage) Memory() (measure.Memory, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	resident, err := u.ask(memorySection, "used_memory_rss")
	u.peak = max(u.peak, int64(resident[0]))
	return measure.Memory{RSSPeak: u.peak, PSSPeak: u.peak}, err
}

func (u *reportedUsage) Close() error { return u.client.Close() }
