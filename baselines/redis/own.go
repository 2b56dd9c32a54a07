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
	c, err := connect(ctx, at, connectTimeout)
	if err != nil {
		return nil, err
	}
	usage := &reportedUsage{client: c}
	if _, err := usage.Take(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (allow this user INFO, or use a private server)", err), c.Close())
	}
	return &server{place: at, holds: capacityOf(ctx, c), usage: usage}, nil
}

// capacity is what a server holds, in bytes; what it does not tell, or does not limit, is 0.
type capacity struct {
	// value bounds a value, output what may wait for a subscriber.
	value, output int64
	// memory is maxmemory and used what was in use; evicts that other values make room.
	memory, used int64
	evicts       string
}

// capacityOf asks for the limits. Users that may not see the configuration learn them from
// failures.
func capacityOf(ctx context.Context, from *client) capacity {
	info := from.InfoMap(ctx, memorySection)
	set := from.ConfigGet(ctx, "proto-max-bulk-len").Val()
	output := from.ConfigGet(ctx, "client-output-buffer-limit").Val()
	holds := capacity{
		value:  number(set["proto-max-bulk-len"]),
		output: outputLimit(output["client-output-buffer-limit"]),
		memory: number(info.Item(memorySection, "maxmemory")),
		used:   number(info.Item(memorySection, "used_memory")),
	}
	if policy := info.Item(memorySection, "maxmemory_policy"); policy != "noeviction" {
		holds.evicts = policy
	}
	return holds
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

func (holds capacity) check(n int64) error {
	if holds.value == 0 || n <= holds.value {
		return nil
	}
	return fmt.Errorf("%s are more than a value of the server holds: use at most %s, or raise its proto-max-bulk-len", payloads.FormatSize(n), payloads.FormatSize(holds.value))
}

// reportedUsage is what a user's server reports of its own usage: CPU time and resident memory.
type reportedUsage struct {
	client *client
	mutex  sync.Mutex
	last   measure.Usage
	peak   int64
}

const memorySection = "Memory"

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
