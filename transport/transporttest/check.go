package transporttest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

// Serve serves a target in this process, which the caller closes.
func Serve(t testing.TB, tr transport.Transport, setup transport.Setup) transport.Target {
	t.Helper()
	served, err := tr.Serve(context.Background(), setup)
	if err != nil {
		t.Fatal(err)
	}
	if name := served.Endpoint().Transport; name != tr.Info().Name {
		t.Errorf("the endpoint says %q, the transport is %q", name, tr.Info().Name)
	}
	return served
}

// Open opens a route, which the caller closes.
func Open(t testing.TB, tr transport.Transport, setup transport.Setup, endpoints ...transport.Endpoint) transport.Route {
	t.Helper()
	route, err := tr.Open(context.Background(), setup, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	return route
}

// Serving is Serve for a target that is closed when the test ends.
func Serving(t testing.TB, tr transport.Transport, setup transport.Setup) transport.Target {
	t.Helper()
	target := Serve(t, tr, setup)
	t.Cleanup(func() { MustClose(t, target) })
	return target
}

// Opening is Open for a route that is closed when the test ends.
func Opening(t testing.TB, tr transport.Transport, setup transport.Setup, endpoints ...transport.Endpoint) transport.Route {
	t.Helper()
	route := Open(t, tr, setup, endpoints...)
	t.Cleanup(func() { MustClose(t, route) })
	return route
}

// Prepare prepares one payload and returns its digest.
func Prepare(t testing.TB, route transport.Route, spec payloads.Spec) (digest uint64) {
	t.Helper()
	digest, err := spec.Digest(), route.Prepare(spec)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// HandOver prepares and sends one payload, and checks every delivery. It returns the digest.
func HandOver(t testing.TB, route transport.Route, spec payloads.Spec, handoff *transport.Handoff) (digest uint64) {
	t.Helper()
	digest = Prepare(t, route, spec)
	Send(t, route, spec, digest, handoff)
	return digest
}

// MustSend sends the payload that was prepared, whatever becomes of its deliveries.
func MustSend(t testing.TB, route transport.Route, handoff *transport.Handoff) {
	t.Helper()
	if err := route.Send(handoff); err != nil {
		t.Fatal(err)
	}
}

// Send sends the payload that was prepared, and checks every delivery.
func Send(t testing.TB, route transport.Route, spec payloads.Spec, digest uint64, handoff *transport.Handoff) {
	t.Helper()
	before := measure.Now()
	MustSend(t, route, handoff)
	after := measure.Now()
	for i := range handoff.Deliveries {
		d := &handoff.Deliveries[i]
		CheckDelivery(t, handoff, i, spec.Size, digest)
		if d.Err == nil && (handoff.Start < before || d.Timeline.Acknowledged > after) {
			t.Errorf("%+v: target %d got it from %d to %d, and Send took from %d to %d", spec, i, handoff.Start, d.Timeline.Acknowledged, before, after)
		}
	}
}

// CheckDelivery checks what has become of a payload at one target.
func CheckDelivery(t testing.TB, handoff *transport.Handoff, target int, size int64, digest uint64) {
	t.Helper()
	d := &handoff.Deliveries[target]
	if d.Err != nil {
		t.Errorf("%d bytes to target %d: %v", size, target, d.Err)
		return
	}
	if d.Length != uint64(size) || d.Digest != digest {
		t.Errorf("target %d saw %d bytes with digest %x, not %d with %x", target, d.Length, d.Digest, size, digest)
	}
	CheckTimeline(t, handoff.Start, &d.Timeline)
	p, latency := d.Timeline.Phases(), d.Timeline.Delivered-handoff.Start
	if sum := p.Serialize + p.CopyOut + p.Transfer + p.CopyIn + p.Deserialize; max(sum-latency, latency-sum) > latency/50 {
		t.Errorf("%d bytes: phases %+v to target %d add up to %d of %d ns", size, p, target, sum, latency)
	}
}

// CheckTimeline checks the order of the moments, which are of one clock.
func CheckTimeline(t testing.TB, start int64, l *transport.Timeline) {
	t.Helper()
	moments := []int64{0, start, l.Start, l.Serialized, l.CopiedOut, l.Received, l.CopiedIn, l.Delivered, l.Consumed, l.Acknowledged}
	for i := 1; i < len(moments); i++ {
		if moments[i] < moments[i-1] {
			t.Errorf("moments are not in order: %v", moments[1:])
			return
		}
	}
}

// Descriptors lists the sockets, pipes and memory files that this process has open.
func Descriptors(t testing.TB) (open []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		name, err := os.Readlink(link)
		if err == nil && (strings.HasPrefix(name, "socket:") || strings.HasPrefix(name, "pipe:") || strings.HasPrefix(name, "/memfd:")) {
			open = append(open, name)
		}
	}
	return open
}

// CheckDescriptors checks that no more are open than before, allowing what was just closed
// a moment to go.
func CheckDescriptors(t testing.TB, before []string) {
	t.Helper()
	var after []string
	for range 200 {
		if after = Descriptors(t); len(after) <= len(before) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("descriptors leaked: %v before, %v after", before, after)
}
