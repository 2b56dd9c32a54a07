package control

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rrbench/measure"
	"rrbench/payloads"
	"rrbench/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// double is a function that remembers what it was asked and answers what it was told to.
type double struct {
	begin      Begin
	begun      Begun
	spec       payloads.Spec
	deliveries []transport.Delivery
	err        error
}

func (f *double) Begin(request Begin) (Begun, error) {
	f.begin = request
	return f.begun, f.err
}

func (f *double) Prepare(spec payloads.Spec) (uint64, error) {
	f.spec = spec
	return ^spec.Seed, f.err
}

func (f *double) Send(handoff *transport.Handoff) error {
	handoff.Start = 42
	copy(handoff.Deliveries, f.deliveries)
	return f.err
}

// pair connects two ends in this process.
func pair(t *testing.T) (shim, function *Connection) {
	t.Helper()
	shim, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	function = newConnection(theirs)
	t.Cleanup(func() {
		shim.Close()
		function.Close()
	})
	return shim, function
}

// talk connects a shim's end with a function that answers at the other.
func talk(t *testing.T, f Function) (shim *Connection, answered <-chan error) {
	t.Helper()
	shim, function := pair(t)
	done := make(chan error, 1)
	go func() { done <- function.Answer(f) }()
	return shim, done
}

func TestConversation(t *testing.T) {
	f := &double{
		begun: Begun{Revision: "abc", Endpoint: transport.Endpoint{Transport: "t", Network: "tcp", Address: "a:1", Nonce: []byte{1, 2}}},
		deliveries: []transport.Delivery{
			{
				Timeline: transport.Timeline{Start: 1, Serialized: 2, CopiedOut: 3, Received: 4, CopiedIn: 5, Delivered: 6, Consumed: 7, Acknowledged: 8},
				Length:   9, Digest: 10,
				Usage: measure.Usage{UserNs: 11, KernelNs: 12, MinorFaults: 13, ContextSwitches: 14},
			},
			{Err: errors.New("refused")},
		},
	}
	shim, answered := talk(t, f)
	request := Begin{
		Setup:   transport.Setup{Engine: "native", Codec: transport.JSON, Payload: payloads.Text, Size: 5, Fanout: 2, Deadline: time.Second},
		Targets: []transport.Endpoint{{Address: "x:1"}, {Address: "y:2"}},
	}
	begun, err := shim.Begin(request)
	if err != nil || !reflect.DeepEqual(begun, f.begun) {
		t.Errorf("begun %+v, %v; want %+v", begun, err, f.begun)
	}
	if !reflect.DeepEqual(f.begin, request) {
		t.Errorf("the function was asked %+v, want %+v", f.begin, request)
	}
	spec := payloads.Spec{Kind: payloads.Records, Seed: 1 << 63, Size: 1 << 40}
	if digest, err := shim.Prepare(spec); digest != ^spec.Seed || err != nil || f.spec != spec {
		t.Errorf("digest %x, %v, spec %+v", digest, err, f.spec)
	}
	handoff := transport.Handoff{Deliveries: make([]transport.Delivery, 2)}
	if _, err := shim.Send(&handoff); err != nil || handoff.Start != 42 {
		t.Errorf("send: start %d, %v", handoff.Start, err)
	}
	if got := handoff.Deliveries[0]; got != f.deliveries[0] {
		t.Errorf("delivery %+v, want %+v", got, f.deliveries[0])
	}
	if err := handoff.Deliveries[1].Err; err == nil || err.Error() != "refused" {
		t.Errorf("delivery 1: error %v, want refused", err)
	}
	// An error of one hand-off is not the next one's.
	f.deliveries[1].Err = nil
	if _, err := shim.Send(&handoff); err != nil || handoff.Deliveries[1].Err != nil {
		t.Errorf("second send: %v, %v", err, handoff.Deliveries[1].Err)
	}
	if memory, err := shim.Memory(); err == nil && memory.RSSPeak <= 0 {
		t.Errorf("memory %+v", memory)
	}

	f.err = errors.New("no memory")
	var told *FunctionError
	if _, err := shim.Prepare(spec); !errors.As(err, &told) || told.Text != "no memory" {
		t.Errorf("prepare: error %v, want the function's", err)
	}
	if _, err := shim.Send(&handoff); !errors.As(err, &told) || told.Text != "no memory" {
		t.Errorf("send: error %v, want the function's", err)
	}
	shim.Close()
	if err := <-answered; !errors.Is(err, io.EOF) {
		t.Errorf("the function ended with %v, want io.EOF", err)
	}
}

func TestBeginFails(t *testing.T) {
	shim, _ := talk(t, &double{err: errors.New("port taken")})
	var told *FunctionError
	if _, err := shim.Begin(Begin{}); !errors.As(err, &told) || told.Text != "port taken" {
		t.Errorf("error %v, want the function's", err)
	}
}

func TestLongErrorsAreCut(t *testing.T) {
	f := &double{}
	shim, _ := talk(t, f)
	if _, err := shim.Begin(Begin{}); err != nil {
		t.Fatal(err)
	}
	f.err = errors.New(strings.Repeat("x", 1<<20))
	if _, err := shim.Prepare(payloads.Spec{}); err == nil || len(err.Error()) != longestError {
		t.Errorf("an error of %d bytes arrived, want %d", len(err.Error()), longestError)
	}
}

func TestFunctionRefusesNonsense(t *testing.T) {
	for _, test := range []struct {
		name    string
		message []byte
		want    string
	}{
		{"empty", nil, "no such request"},
		{"unknown", []byte{99}, "no such request"},
		{"short prepare", []byte{opPrepare, 1}, "cut short"},
		{"long send", []byte{opSend, 0}, "1 bytes too many"},
	} {
		t.Run(test.name, func(t *testing.T) {
			shim, answered := talk(t, &double{})
			if _, err := shim.Begin(Begin{}); err != nil {
				t.Fatal(err)
			}
			shim.begin()
			shim.buffer = append(shim.buffer, test.message...)
			if err := shim.write(); err != nil {
				t.Fatal(err)
			}
			if err := <-answered; err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestLengthIsBounded(t *testing.T) {
	shim, function := pair(t)
	if _, err := shim.socket.Write(binary.LittleEndian.AppendUint32(nil, longest+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := function.read(); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("error %v", err)
	}
}

func TestWaitsAreBounded(t *testing.T) {
	shim, _ := pair(t)
	if err := shim.Within(10 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, err := shim.Memory(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want a deadline exceeded", err)
	}
}

func TestInterrupt(t *testing.T) {
	for _, end := range []func(*Connection){(*Connection).Interrupt, func(c *Connection) { c.Close() }} {
		shim, _ := pair(t)
		done := make(chan error)
		go func() {
			_, err := shim.Memory()
			done <- err
		}()
		time.Sleep(10 * time.Millisecond)
		end(shim)
		if err := <-done; err == nil {
			t.Error("an interrupted conversation goes on")
		}
	}
}

// The deliveries told must be as many as there are targets.
func TestDeliveriesAreCounted(t *testing.T) {
	body := appendHandoff(nil, &transport.Handoff{Deliveries: make([]transport.Delivery, 3)}, measure.Usage{}, nil)
	handoff := transport.Handoff{Deliveries: make([]transport.Delivery, 2)}
	if _, err := decodeHandoff(body, &handoff); err == nil || !strings.Contains(err.Error(), "3 deliveries for 2 targets") {
		t.Errorf("error %v", err)
	}
}

func FuzzDecodeHandoff(f *testing.F) {
	whole := appendHandoff(nil, &transport.Handoff{Start: 1, Deliveries: make([]transport.Delivery, 2)}, measure.Usage{UserNs: 2}, nil)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(whole, 0))
	f.Add(appendHandoff(nil, &transport.Handoff{Deliveries: []transport.Delivery{{Err: io.EOF}, {}}}, measure.Usage{}, io.EOF))
	f.Fuzz(func(t *testing.T, body []byte) {
		handoff := transport.Handoff{Deliveries: make([]transport.Delivery, 2)}
		usage, err := decodeHandoff(body, &handoff)
		var told *FunctionError
		if err != nil && !errors.As(err, &told) {
			return
		}
		// What is understood is understood completely.
		if again := appendHandoff(nil, &handoff, usage, err); string(again) != string(body) && len(body) < longestError {
			t.Errorf("%x became %x", body, again)
		}
	})
}

func FuzzDecodePrepare(f *testing.F) {
	f.Add(appendPrepare(nil, payloads.Spec{Kind: payloads.Text, Seed: 1, Size: 2})[1:])
	f.Fuzz(func(t *testing.T, body []byte) {
		d := decoder{rest: body}
		spec := d.spec()
		if d.end() != nil {
			return
		}
		if again := appendPrepare(nil, spec)[1:]; string(again) != string(body) {
			t.Errorf("%x became %x", body, again)
		}
	})
}
