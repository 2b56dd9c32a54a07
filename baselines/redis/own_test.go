package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

// own is a server as a user has one.
type own struct {
	*server
	client *client
}

func startOwn(t *testing.T, over string) own {
	t.Helper()
	needServer(t)
	s, err := start(t.Context(), privately[over].host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	client, err := connect(t.Context(), s.url, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return own{s, client}
}

func (o own) ask(t *testing.T, words ...any) (answer string) {
	t.Helper()
	reply, err := o.client.Do(t.Context(), words...).Result()
	if err != nil {
		t.Fatal(words, err)
	}
	return fmt.Sprint(reply)
}

// handOver tries one hand-off and returns how it failed.
func handOver(t *testing.T, tr transport.Transport, setup transport.Setup) error {
	t.Helper()
	target, err := tr.Serve(t.Context(), setup)
	if err != nil {
		return err
	}
	defer target.Close()
	opened, err := tr.Open(t.Context(), setup, []transport.Endpoint{target.Endpoint()})
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Prepare(payloads.Spec{Kind: payloads.Text, Seed: 1, Size: setup.Size}); err != nil {
		return err
	}
	var handoff transport.Handoff
	if err := opened.Send(&handoff); err != nil {
		return err
	}
	return handoff.Deliveries[0].Err
}

// A user's server carries payloads, is accounted, and is afterwards as it was.
func TestOwnServer(t *testing.T) {
	for _, over := range []string{overUnix, overTCP} {
		o := startOwn(t, over)
		o.ask(t, "SET", "mine", "stays")
		before := o.ask(t, "CONFIG", "GET", "*")
		for _, tr := range []transport.Transport{New(), NewPubSub(), NewLimit()} {
			v := variant{tr, o.url}
			transporttest.Exercise(t, v, v.setup("wazero", 300_000, 2), false)
		}
		if after := o.ask(t, "CONFIG", "GET", "*"); after != before {
			t.Error("the configuration has changed")
		}
		if keys := o.ask(t, "KEYS", "*"); keys != "[mine]" {
			t.Errorf("its keys are %v", keys)
		}
		private, named := New().(transport.Dependent).Versions(""), New().(transport.Dependent).Versions(o.url)
		if private[program] == "" || private[program] != named[program] {
			t.Errorf("its version is %v, that of a private one %v", named, private)
		}
		if o.daemon.HasEnded() {
			t.Error("the server has ended")
		}
	}
}

// The usage that a user's server reports is that of its process.
func TestOwnServerIsAccounted(t *testing.T) {
	o := startOwn(t, overUnix)
	s, err := attach(t.Context(), o.url)
	if err != nil {
		t.Fatal(err)
	}
	known, err := measure.NewProcessMeter(o.daemon.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	take := func() (said, used measure.Usage) {
		said, saidErr := s.usage.Take()
		used, usedErr := known.Take()
		if saidErr != nil || usedErr != nil {
			t.Fatal(saidErr, usedErr)
		}
		return said, used
	}
	take()
	for range 4 {
		o.ask(t, "SET", "load", strings.Repeat("x", 32<<20))
	}
	said, used := take()
	if said.CPU() == 0 || said.CPU() < used.CPU()/2 || said.CPU() > 2*used.CPU() {
		t.Errorf("it says that it used %d ns, it used %d", said.CPU(), used.CPU())
	}
	if memory, err := s.usage.Memory(); err != nil || memory.RSSPeak < 1<<20 {
		t.Errorf("it says that its memory is %+v, %v", memory, err)
	}
	transporttest.MustClose(t, s.usage, known)
}

func TestOwnServerRefuses(t *testing.T) {
	const size = 4 << 20
	for _, over := range []string{overUnix, overTCP} {
		o := startOwn(t, over)
		// This user cannot look at the configuration, and learns limits from failures.
		o.ask(t, "ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-config")
		o.ask(t, "ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-info")
		owner, blind := o.url, with(t, o.url, "blind", "secret")
		for _, test := range []struct {
			tr               transport.Transport
			parameter        string
			name, value, was string
			want             string
		}{
			{New(), with(t, o.url, "", "wrong"), "", "", "", "give the server's user and password"},
			{NewLimit(), with(t, o.url, "nobody", "wrong"), "", "", "", "give the server's user and password"},
			{New(), with(t, o.url, "", ""), "", "", "", "give the server's user and password"},
			{New(), with(t, o.url, "mute", "secret"), "", "", "", "allow this user INFO"},
			{New(), owner, "proto-max-bulk-len", "1mb", "512mb", "use at most 1MiB, or raise its proto-max-bulk-len"},
			{New(), blind, "proto-max-bulk-len", "1mb", "512mb", "proto-max-bulk-len"},
			{NewLimit(), blind, "proto-max-bulk-len", "1mb", "512mb", "proto-max-bulk-len"},
			{New(), owner, "maxmemory", "2mb", "0", "raise the server's maxmemory"},
			{NewLimit(), blind, "maxmemory", "2mb", "0", "raise the server's maxmemory"},
			{NewPubSub(), owner, "client-output-buffer-limit", "pubsub 1mb 1mb 1", "pubsub 0 0 0", "client-output-buffer-limit pubsub is 1MiB"},
			{NewPubSub(), blind, "client-output-buffer-limit", "pubsub 1mb 1mb 1", "pubsub 0 0 0", "client-output-buffer-limit"},
		} {
			if test.name != "" {
				o.ask(t, "CONFIG", "SET", test.name, test.value)
			}
			v := variant{test.tr, test.parameter}
			err := handOver(t, v, v.setup("wazero", size, 1))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s over %s, %s %s: error %v, want %q", v.Info().Name, over, test.name, test.value, err, test.want)
			}
			if test.name != "" {
				o.ask(t, "CONFIG", "SET", test.name, test.was)
			}
		}
		o.ask(t, "CONFIG", "SET", "maxmemory", "3mb")
		o.ask(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		v := variant{New(), owner}
		if err := handOver(t, v, v.setup("wazero", size, 1)); err == nil || !strings.Contains(err.Error(), "would evict other values") {
			t.Errorf("over %s: %v", over, err)
		}
		if keys := o.ask(t, "KEYS", "*"); keys != "[]" {
			t.Errorf("keys are left: %v", keys)
		}
	}
}

// A value that the server drops before the target asks for it fails the delivery; until then it is bound to expire.
func TestValueIsEvicted(t *testing.T) {
	o := startOwn(t, overUnix)
	v := variant{New(), o.url}
	setup := v.setup("wazero", 1000, 1)
	target := transporttest.Serve(t, v, setup)
	opened := transporttest.Open(t, v, setup, target.Endpoint()).(*route)
	if _, _, err := opened.sender.Refer(nil, []byte("value")); err != nil {
		t.Fatal(err)
	}
	if left := o.client.PTTL(t.Context(), opened.sender.key).Val(); left <= 0 || left > time.Minute {
		t.Errorf("a value would expire after %v", left)
	}
	o.ask(t, "DEL", opened.sender.key)
	opened.sender.key += "elsewhere" // the target asks for the key that it knows
	transporttest.Prepare(t, opened, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: setup.Size})
	var handoff transport.Handoff
	transporttest.MustSend(t, opened, &handoff)
	if err := handoff.Deliveries[0].Err; err == nil || !strings.Contains(err.Error(), "was it evicted?") {
		t.Error(err)
	}
	transporttest.MustClose(t, opened, target)
}

func TestOwnServerEnds(t *testing.T) {
	for _, tr := range []transport.Transport{New(), NewPubSub(), NewLimit()} {
		o := startOwn(t, overTCP)
		v := variant{tr, o.url}
		setup := v.setup("wazero", 1<<20, 1)
		target := transporttest.Serve(t, v, setup)
		opened := transporttest.Open(t, v, setup, target.Endpoint())
		var handoff transport.Handoff
		spec := payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 1 << 20}
		transporttest.HandOver(t, opened, spec, &handoff)
		if err := o.stop(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := errors.Join(opened.Prepare(spec), opened.Send(&handoff)); err == nil || !strings.Contains(err.Error(), "has redis-server ended") {
				t.Errorf("%s: %v", v.Info().Name, err)
			}
		}
		transporttest.MustClose(t, opened, target)
		if err := handOver(t, v, setup); err == nil || !strings.Contains(err.Error(), "connection refused (has redis-server ended?)") {
			t.Errorf("%s: %v", v.Info().Name, err)
		}
	}
}
