package function

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rrbench/measure"
)

func TestReplyRoundTrip(t *testing.T) {
	for _, want := range []Reply{
		{},
		{Received: 1, Delivered: 2, Consumed: 3, Length: 4, Digest: 1 << 63, Usage: measure.Usage{UserNs: 5, KernelNs: 6, MinorFaults: 7, ContextSwitches: 8}},
		{Received: 9, Failure: "no memory left"},
	} {
		wire := want.AppendTo(nil)
		if want.Failure == "" && len(wire) != ReplySize {
			t.Errorf("%d bytes, want %d", len(wire), ReplySize)
		}
		got, err := ParseReply(wire)
		if err != nil || got != want {
			t.Errorf("%+v became %+v, %v", want, got, err)
		}
	}
}

func TestReplyTamesFailures(t *testing.T) {
	for failure, want := range map[string]string{
		"two\nlines\tof\r\ntext":                "two lines of text",
		"broken \xff text":                      "broken ? text",
		" \n ":                                  "failed without a reason",
		strings.Repeat("ä", failureLimit):       strings.Repeat("ä", failureLimit/2),
		"x" + strings.Repeat("ä", failureLimit): "x" + strings.Repeat("ä", failureLimit/2-1),
	} {
		reply := Reply{Failure: failure}
		wire := reply.AppendTo(nil)
		if len(wire) > ReplyLimit {
			t.Errorf("%d bytes, limit %d", len(wire), ReplyLimit)
		}
		if got, err := ParseReply(wire); err != nil || got.Failure != want {
			t.Errorf("%.40q became %.40q, %v", failure, got.Failure, err)
		}
	}
}

func TestParseReplyRefuses(t *testing.T) {
	good := (&Reply{Received: 1, Delivered: 2, Consumed: 3}).AppendTo(nil)
	change := func(at int, to byte) []byte {
		wire := append([]byte(nil), good...)
		wire[at] = to
		return wire
	}
	for name, wire := range map[string][]byte{
		"nothing":           nil,
		"cut short":         good[:len(good)-1],
		"too long":          append(append([]byte(nil), good...), 'x'),
		"magic":             change(0, 'x'),
		"text missing":      change(4, 1),
		"text enormous":     change(7, 0xFF),
		"delivered early":   change(16, 0),
		"consumed early":    change(24, 0),
		"consumed negative": change(31, 0x80),
		"an HTML page":      []byte("<!doctype html><title>404</title>" + strings.Repeat(" ", 100)),
	} {
		if reply, err := ParseReply(wire); err == nil {
			t.Errorf("%s was taken for %+v", name, reply)
		}
	}
}

func TestReplyAllocatesNothing(t *testing.T) {
	var buffer [ReplyLimit]byte
	reply := Reply{Received: 1, Delivered: 2, Consumed: 3}
	if n := testing.AllocsPerRun(100, func() { reply.AppendTo(buffer[:0]) }); n != 0 {
		t.Errorf("AppendTo allocates %v times", n)
	}
	wire := reply.AppendTo(nil)
	if n := testing.AllocsPerRun(100, func() { _, _ = ParseReply(wire) }); n != 0 {
		t.Errorf("ParseReply allocates %v times", n)
	}
}

// What parses comes out again as it went in.
func FuzzParseReply(f *testing.F) {
	f.Add((&Reply{}).AppendTo(nil))
	f.Add((&Reply{Received: 1, Delivered: 2, Consumed: 3, Length: 4, Digest: 5}).AppendTo(nil))
	f.Add((&Reply{Failure: "no memory"}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, wire []byte) {
		reply, err := ParseReply(wire)
		if err != nil {
			return
		}
		again, err := ParseReply(reply.AppendTo(nil))
		if err != nil {
			t.Fatalf("%+v: %v", reply, err)
		}
		// AppendTo makes one line of valid text of any failure.
		if strings.Join(strings.Fields(reply.Failure), " ") == reply.Failure && utf8.ValidString(reply.Failure) && again != reply {
			t.Errorf("%+v became %+v", reply, again)
		}
	})
}
