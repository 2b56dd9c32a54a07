package redis

import (
	"errors"
	"fmt"
	"net/url"
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
	s, err := start(t.Context(), place{Network: over})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	client, err := connect(t.Context(), s.place, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return own{s, client}
}

// as is the parameter by which a user names the server.
func (o own) as(user, password string) string {
	who := url.UserPassword(user, password).String()
	if o.Network == overUnix {
		return fmt.Sprintf("unix://%s@%s", who, o.Address)
	}
	return fmt.Sprintf("redis://%s@%s", who, o.Address)
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
			v := variant{tr, o.as("", o.Password)}
			transporttest.Exercise(t, v, v.setup("wazero", 300_000, 2), false)
		}
		if after := o.ask(t, "CONFIG", "GET", "*"); after != before {
			t.Error("the configuration has changed")
		}
		if keys := o.ask(t, "KEYS", "*"); keys != "[mine]" {
			t.Errorf("its keys are %v", keys)
		}
		private, named := New().(transport.Dependent).Versions(""), New().(transport.Dependent).Versions(o.as("", o.Password))
		if private[program] == "" || private[program] != named[program] {
			t.Errorf("its version is %v, that of a private one %v", named, private)
		}
		if o.daemon.HasEnded() {
			t.Error("the server has ended")
		}
	}
}

// What a user's server says that it used is what its process used.
func TestOwnServerIsAccounted(t *testing.T) {
	o := startOwn(t, overUnix)
	s, err := attach(t.Context(), o.place)
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
		// This user cannot look at the configuration, and learns limits the hard way.
		o.ask(t, "ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-config")
		o.ask(t, "ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-info")
		owner, blind := o.as("", o.Password), o.as("blind", "secret")
		for _, test := range []struct {
			tr               transport.Transport
			parameter        string
			name, value, was string
			want             string
		}{
			{New(), o.as("", "wrong"), "", "", "", "give the server's user and password"},
			{NewLimit(), o.as("nobody", "wrong"), "", "", "", "give the server's user and password"},
			{New(), strings.Replace(owner, ":"+o.Password+"@", "", 1), "", "", "", "give the server's user and password"},
			{New(), o.as("mute", "secret"), "", "", "", "allow this user INFO"},
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

// A value that the server drops before the target asks for it fails the delivery and says
// why; until then it is bound to expire.
func TestValueIsEvicted(t *testing.T) {
	o := startOwn(t, overUnix)
	stop, stopped := make(chan struct{}), make(chan struct{})
	seen := time.Duration(0)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, key := range o.client.Keys(t.Context(), keyPrefix+"*").Val() {
				if left := o.client.PTTL(t.Context(), key).Val(); left != -2 {
					seen = left
				}
				_ = o.client.Unlink(t.Context(), key)
			}
		}
	}()
	v := variant{New(), o.as("", o.Password)}
	for range 200 {
		err := handOver(t, v, v.setup("wazero", 100_000, 1))
		if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), "was it evicted?") {
			t.Error(err)
		}
		break
	}
	close(stop)
	<-stopped
	if seen <= 0 || seen > time.Minute {
		t.Errorf("a value would have expired after %v", seen)
	}
}

func TestOwnServerEnds(t *testing.T) {
	for _, tr := range []transport.Transport{New(), NewPubSub(), NewLimit()} {
		o := startOwn(t, overTCP)
		v := variant{tr, o.as("", o.Password)}
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
