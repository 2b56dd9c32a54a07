package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"rrbench/catalogue"
	"rrbench/shim"
	"rrbench/shim/shimtest"
	"rrbench/sweep"
	"rrbench/transport/transporttest"
)

// TestMain lets the test program be its own shim.
func TestMain(m *testing.M) {
	shimtest.Main(m, shimtest.Roles{"shim": func() error { return shim.Serve(catalogue.Find) }})
}

func flagsFor(transport string, size int64, fanout int) sweep.Config {
	return sweep.Config{Axes: sweep.Axes{
		Transports: []string{transport}, Sizes: []sweep.Size{sweep.Size(size)}, Fanout: []int{fanout}, Guest: "c",
	}}
}

func skipUnlessCounting(t *testing.T) {
	t.Helper()
	if err := Check(); err != nil {
		t.Skipf("counting needs what this machine does not allow: %v (%s)", err, Remedy)
	}
}

// The copies of these hand-offs are known.
func TestKnownCopiesAreCounted(t *testing.T) {
	skipUnlessCounting(t)
	const mib = 1 << 20
	for _, test := range []struct {
		transport string
		size      int64
		fanout    int
		// Multiples of the payload: copied in user space, in, out and across the kernel,
		// by reference, moved as pages.
		user, in, out, across, reference, moved float64
	}{
		{"user/copy", 4 * mib, 1, 1, 0, 0, 0, 0, 0},
		{"user/copy", 64 * mib, 1, 1, 0, 0, 0, 0, 0},
		{"user/copy", mib, 3, 3, 0, 0, 0, 0, 0},
		// A window moves there and back.
		{"user/remap", 4 * mib, 1, 0, 0, 0, 0, 0, 2},
		{"user/remap", mib, 1, 0, 0, 0, 0, 0, 2},
		// It is mapped for good.
		{"user/memfd", mib, 1, 0, 0, 0, 0, 0, 0},
		{"kernel/memfd", 4 * mib, 1, 0, 0, 0, 0, 0, 0},
		{"kernel/memfd", mib, 3, 0, 0, 0, 0, 0, 0},
		{"kernel/stream", 4 * mib, 1, 0, 1, 1, 0, 0, 0},
		{"kernel/cma", 4 * mib, 1, 0, 0, 0, 1, 0, 0},
		{"network/splice", 4 * mib, 1, 0, 0, 1, 0, 2, 0},
		{"http/native", 4 * mib, 1, 0, 1, 1, 0, 0, 0},
	} {
		t.Run(fmt.Sprintf("%s,%d,%d", test.transport, test.size/mib, test.fanout), func(t *testing.T) {
			if transporttest.Racing && test.transport != "kernel/stream" {
				t.Skip("under the race detector one transport is enough: what is counted happens in other processes")
			}
			found, err := catalogue.Find(test.transport)
			if err != nil {
				t.Fatal(err)
			}
			if err := found.Check(); err != nil {
				t.Skip(err)
			}
			report, err := Run(t.Context(), flagsFor(test.transport, test.size, test.fanout))
			if err != nil {
				t.Fatal(err)
			}
			sum := report.Sum
			for _, figure := range []struct {
				name  string
				bytes uint64
				want  float64
			}{
				{"copied in user space", sum.Copied, test.user},
				{string(CopiesIn), sum.ByClass[CopiesIn].Bytes, test.in},
				{string(CopiesOut), sum.ByClass[CopiesOut].Bytes, test.out},
				{string(CopiesAcross), sum.ByClass[CopiesAcross].Bytes, test.across},
				{string(ByReference), sum.ByClass[ByReference].Bytes, test.reference},
				{string(Remaps), report.Moved(sum), test.moved},
			} {
				if got := report.Multiples(figure.bytes); got < figure.want-0.03 || got > figure.want+0.03 {
					t.Errorf("%s: %.3f x, want %.2f x", figure.name, got, figure.want)
				}
			}
			for _, p := range report.Participants {
				for _, c := range p.Calls {
					if c.Class == Unknown {
						t.Errorf("the %s makes a call that the table does not have: %s", p.Role, c.Name)
					}
				}
			}
			var text bytes.Buffer
			if err := report.Print(&text); err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(text.String(), report.Summary()+"\n") {
				t.Errorf("the summary is not last:\n%s", text.String())
			}
		})
	}
}

func TestRefusedFlags(t *testing.T) {
	for name, flags := range map[string]sweep.Config{
		"transport": flagsFor("user/cpoy", 1, 1),
		"fan-out":   flagsFor("user/copy", 1, 0),
		"size":      flagsFor("user/copy", 0, 1),
	} {
		if _, err := Run(t.Context(), flags); !errors.As(err, new(*sweep.UsageError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	codec := flagsFor("redis", 1<<10, 1)
	codec.Codecs = []string{"none"}
	if _, err := Run(t.Context(), codec); err == nil {
		t.Error("a codec that the transport does not have: no error")
	}
}

// An audit that is interrupted leaves no process behind.
func TestInterrupted(t *testing.T) {
	skipUnlessCounting(t)
	errInterrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(errInterrupted) })
	_, err := Run(ctx, flagsFor("user/copy", 256<<20, 1))
	if !errors.Is(err, errInterrupted) {
		t.Errorf("error %v", err)
	}
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	var children []int
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == os.Getpid() {
			children = append(children, p.PID)
		}
	}
	if len(children) > 0 {
		t.Errorf("processes %v are left", children)
	}
}
