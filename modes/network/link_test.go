package network

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"rrbench/engines/catalogue"
	"rrbench/measure"
	"rrbench/modes/sockets"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/stream"
	"rrbench/transport/transporttest"
)

// The two ends of the link, in the block reserved for benchmarks (RFC 2544).
const (
	sourceAddress = "198.18.0.1"
	targetAddress = "198.18.0.2"
)

func linkTransports() []transport.Transport {
	return []transport.Transport{NewStream(), NewSplice(), NewZerocopy(), NewAdaptive(DefaultCrossover)}
}

// TestMain lets the test program be the process of a target.
func TestMain(m *testing.M) { transporttest.Main(m, linkTransports()...) }

func TestConformance(t *testing.T) {
	for _, tr := range linkTransports() {
		transporttest.Run(t, func() transport.Transport { return tr }, transporttest.Options{})
	}
}

// link is a cable between two network namespaces without names, which end with the last
// process or descriptor that uses them, however this process ends.
type link struct{ source, target netns.NsHandle }

// newLink lays a cable; rate, in bytes a second, shapes what the source sends (tc-tbf(8)),
// 0 does not.
func newLink(t testing.TB, rate uint64) link {
	t.Helper()
	var l link
	for _, made := range []*netns.NsHandle{&l.source, &l.target} {
		inside(t, netns.None(), func() error {
			var err error
			*made, err = netns.New()
			if errors.Is(err, unix.EPERM) {
				t.Skip("a network namespace needs CAP_SYS_ADMIN: run as root")
			}
			return err
		})
		t.Cleanup(func() { _ = made.Close() })
	}
	if err := l.lay(rate); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) {
			t.Skipf("the kernel lacks veth devices or sch_tbf: %v", err)
		}
		t.Fatalf("lay a cable between two namespaces: %v", err)
	}
	return l
}

func (l link) lay(rate uint64) error {
	source, err := netlink.NewHandleAt(l.source)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := netlink.NewHandleAt(l.target)
	if err != nil {
		return err
	}
	defer target.Close()
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "link"}, PeerName: "link", PeerNamespace: netlink.NsFd(l.target)}
	if err := source.LinkAdd(cable); err != nil {
		return err
	}
	for _, end := range []struct {
		at      *netlink.Handle
		address string
	}{{source, sourceAddress}, {target, targetAddress}} {
		// A transport over TCP needs a loopback device that is up (transport.CheckLoopback).
		loopback, err := end.at.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := end.at.LinkSetUp(loopback); err != nil {
			return err
		}
		device, err := end.at.LinkByName("link")
		if err != nil {
			return err
		}
		address := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(end.address), Mask: net.CIDRMask(24, 32)}}
		if err := end.at.AddrAdd(device, address); err != nil {
			return err
		}
		if err := end.at.LinkSetUp(device); err != nil {
			return err
		}
		if rate == 0 || end.at != source {
			continue
		}
		// A burst of two of the largest packets, in ticks of 64 ns, so that none is cut up.
		burst := 2 * 65536 * uint64(time.Second) / rate / 64
		err = source.QdiscAdd(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: device.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       rate, Limit: 4 << 20, Buffer: uint32(burst),
		})
		if err != nil {
			return fmt.Errorf("shape it: %w", err)
		}
	}
	return nil
}

// inside runs f in a thread that is in a network namespace, the present one if that is
// none. What f opens or starts belongs to it.
func inside(t testing.TB, namespace netns.NsHandle, f func() error) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		t.Fatal(err)
	}
	defer home.Close()
	// A thread that cannot be brought back stays locked.
	defer func() {
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
	}()
	if namespace.IsOpen() {
		if err := netns.Set(namespace); err != nil {
			t.Fatal(err)
		}
	}
	if err := f(); err != nil {
		t.Fatal(err)
	}
}

// connect starts a target's process at the far end and opens a route to it from the near
// one, in this process.
func (l link) connect(t testing.TB, tr transport.Transport, setup transport.Setup) (route transport.Route, end func()) {
	t.Helper()
	var target *transporttest.Process
	inside(t, l.target, func() error {
		target = transporttest.Start(t, tr, setup)
		return nil
	})
	inside(t, l.source, func() error {
		route = transporttest.Open(t, tr, setup, target.Endpoint)
		return nil
	})
	return route, func() {
		for _, closer := range []interface{ Close() error }{route, target} {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func linkSetup(size int64) transport.Setup {
	return transport.Setup{
		Address: targetAddress,
		Engine:  catalogue.Names()[0], Guest: "c", Codec: transport.None, Payload: payloads.Bytes,
		Size: size, Fanout: 1, Deadline: 20 * time.Second,
	}
}

// Payloads arrive whole over a link, too, where their pages travel further than over
// loopback before anybody reads them.
func TestLink(t *testing.T) {
	before := transporttest.Descriptors(t)
	l := newLink(t, 0)
	for _, tr := range linkTransports() {
		const size = 3_000_001
		route, end := l.connect(t, tr, linkSetup(size))
		var handoff transport.Handoff
		for i, n := range []int64{1, 4096, zerocopyFrom - 1, zerocopyFrom, DefaultCrossover, size, size - 4096, size} {
			transporttest.HandOver(t, route, payloads.Spec{Kind: payloads.Bytes, Seed: uint64(i), Size: n}, &handoff)
		}
		end()
	}
	transporttest.CheckDescriptors(t, before)
}

// BenchmarkLink hands 100 MiB over between two network namespaces whose cable is shaped to 1
// Gbit/s, where CPU time and not bandwidth tells the transports apart. It needs root:
//
//	go test -run '^$' -bench Link -benchtime 5x ./modes/network
//
// sender-ns/KiB is the CPU time of the source's process (getrusage(2)), ×stream its ratio to
// network/stream's in the same run. The kernel's work on packets is in no process:
// softirq-ns/KiB is that of the whole machine, both ends, by the clock tick, so it needs some
// seconds to mean anything. copied-% is how many sends the kernel says it copied after all.
func BenchmarkLink(b *testing.B) {
	const size = 100 << 20
	l := newLink(b, 125_000_000)
	var control float64
	for _, tr := range linkTransports() {
		var writers []*referring
		observe(tr.(*sockets.Transport), &writers)
		b.Run(tr.Info().Name, func(b *testing.B) {
			route, end := l.connect(b, tr, linkSetup(size))
			defer end()
			var handoff transport.Handoff
			transporttest.HandOver(b, route, payloads.Spec{Kind: payloads.Bytes, Size: size}, &handoff)
			var used, interrupts, latency int64
			b.SetBytes(size)
			for b.Loop() {
				if err := route.Prepare(payloads.Spec{Kind: payloads.Bytes, Size: size}); err != nil {
					b.Fatal(err)
				}
				usage, softirq := measure.SelfUsage(), measure.SoftIRQ()
				if err := route.Send(&handoff); err != nil {
					b.Fatal(err)
				}
				after := measure.SelfUsage()
				used += after.UserNs + after.KernelNs - usage.UserNs - usage.KernelNs
				interrupts += measure.SoftIRQ() - softirq
				latency += handoff.Deliveries[0].Timeline.Latency()
				if err := handoff.Deliveries[0].Err; err != nil {
					b.Fatal(err)
				}
			}
			kibibytes := float64(b.N) * size / 1024
			sender := float64(used) / kibibytes
			if control == 0 {
				control = sender
			}
			b.ReportMetric(sender, "sender-ns/KiB")
			b.ReportMetric(sender/control, "×stream")
			b.ReportMetric(float64(interrupts)/kibibytes, "softirq-ns/KiB")
			b.ReportMetric(float64(latency)/float64(b.N), "latency-ns")
			for _, w := range writers {
				if w.sent > 0 {
					b.ReportMetric(100*float64(w.copied)/float64(w.sent), "copied-%")
				}
			}
		})
	}
}

// observe keeps the writers that send by reference.
func observe(tr *sockets.Transport, writers *[]*referring) {
	make := tr.NewWriter
	if make == nil {
		return
	}
	tr.NewWriter = func() (stream.Writer, error) {
		w, err := make()
		if c, ok := w.(*choosing); ok {
			if r, ok := c.large.(*referring); ok {
				*writers = append(*writers, r)
			}
		}
		return w, err
	}
}
