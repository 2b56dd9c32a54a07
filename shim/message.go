package shim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rrbench/control"
	"rrbench/engines"
	"rrbench/foreign"
	"rrbench/transport"
)

// carry makes a message of the control protocol from a value, or a value from a message. It copies fields of one
// name, whatever the case of its letters; times are numbers of nanoseconds in messages (…Ns). It leaves out a field that the
// other side lacks or has in another form.
func carry[T any](from any) *T {
	to := new(T)
	if source := reflect.ValueOf(from).Elem(); source.IsValid() {
		carryFields(source, reflect.ValueOf(to).Elem())
	}
	return to
}

func carryFields(from, to reflect.Value) {
	for i := range from.NumField() {
		value, name := from.Field(i), from.Type().Field(i).Name
		target := to.FieldByNameFunc(func(other string) bool {
			return strings.EqualFold(name, other) || strings.EqualFold(name+"Ns", other) || strings.EqualFold(name, other+"Ns")
		})
		switch {
		case !target.CanSet() || !from.Type().Field(i).IsExported():
		case value.Kind() == reflect.Struct && target.Kind() == reflect.Pointer:
			target.Set(reflect.New(target.Type().Elem()))
			carryFields(value, target.Elem())
		case value.Kind() == reflect.Pointer && target.Kind() == reflect.Struct:
			if !value.IsNil() {
				carryFields(value.Elem(), target)
			}
		case value.CanConvert(target.Type()):
			target.Set(value.Convert(target.Type()))
		}
	}
}

// toControl may have a nil window.
func (w *Window) toControl() *control.Window {
	if w == nil {
		return nil
	}
	c := carry[control.Window](w)
	if w.Latencies != nil {
		// An error is one of writing to memory.
		c.Latencies, _ = w.Latencies.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	}
	return c
}

// windowFromControl trusts the shim: it is this program.
func windowFromControl(c *control.Window) (Window, error) {
	w := *carry[Window](c)
	if encoded := c.GetLatencies(); encoded != nil {
		var err error
		if w.Latencies, err = hdrhistogram.Decode(encoded); err != nil {
			return w, fmt.Errorf("read the latencies of a window: %w", err)
		}
	}
	return w, nil
}

// The status codes of a shim's own errors, which gRPC itself does not use.
const (
	codeFailed   = codes.Aborted
	codeNoAnswer = codes.OutOfRange
)

// toStatus turns a shim's error into one that gRPC carries. fromStatus restores transport.ErrNoAnswer and
// the two types Unavailable.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	code := codeFailed
	if errors.Is(err, transport.ErrNoAnswer) {
		code = codeNoAnswer
	}
	s := status.New(code, foreign.Error(err))
	var detail *control.Unavailable
	if missing, ok := errors.AsType[*transport.Unavailable](err); ok {
		detail = carry[control.Unavailable](missing)
	} else if missing, ok := errors.AsType[*engines.Unavailable](err); ok {
		detail = carry[control.Unavailable](missing)
	} else {
		return s.Err()
	}
	if detailed, err := s.WithDetails(detail); err == nil {
		s = detailed
	}
	return s.Err()
}

type remoteError struct {
	text  string
	cause error
}

func (e *remoteError) Error() string { return e.text }

func (e *remoteError) Unwrap() error { return e.cause }

func fromStatus(s *status.Status) error {
	remote := &remoteError{text: s.Message()}
	if s.Code() == codeNoAnswer {
		remote.cause = transport.ErrNoAnswer
	}
	for _, detail := range s.Details() {
		if u, ok := detail.(*control.Unavailable); ok {
			remote.cause = carry[engines.Unavailable](u)
			if u.GetTransport() != "" {
				remote.cause = carry[transport.Unavailable](u)
			}
		}
	}
	return remote
}

// Record is one hand-off to one target.
type Record struct {
	// Round counts those of the batch's last part. First is set in the round before all others,
	// whose Round is 0.
	Round, Worker, Target int
	First                 bool
	Seed                  uint64
	Expected              uint64
	// Cycle is the time from t0 until the source's function could write its next payload, in
	// nanoseconds.
	Cycle int64
	// CPUUser and CPUKernel are this hand-off's CPU time in nanoseconds: its share of what
	// the source's process used in the round, plus what the target's own process used.
	// Their sum is what the kernel counted; after a Window they are split in its
	// proportion, and a round of less than 100 microseconds, too short for the kernel's
	// counters, gets the window's mean.
	CPUUser, CPUKernel int64
	// SoftIRQ is the machine's interrupt work a hand-off, in nanoseconds, as the Window
	// showed it; 0 before the first.
	SoftIRQ int64
	// MinorFaults and ContextSwitches are shares like the CPU time.
	MinorFaults, ContextSwitches float64
	// Delivery is the target's report; its Err is why the hand-off failed.
	transport.Delivery
}

// recordSize is the length of what precedes a record's delivery; see control.proto.
const recordSize = 4*4 + 8*8

func (r *Record) appendTo(to []byte) []byte {
	first := 0
	if r.First {
		first = 1
	}
	for _, n := range [...]int{r.Round, r.Worker, r.Target, first} {
		to = binary.LittleEndian.AppendUint32(to, uint32(n))
	}
	for _, n := range [...]uint64{
		r.Seed, r.Expected, uint64(r.Cycle), uint64(r.CPUUser), uint64(r.CPUKernel), uint64(r.SoftIRQ),
		math.Float64bits(r.MinorFaults), math.Float64bits(r.ContextSwitches),
	} {
		to = binary.LittleEndian.AppendUint64(to, n)
	}
	return r.Delivery.AppendTo(to)
}

// parseRecords calls each with every record of a reply. It returns the first error of each, or that of
// bytes that are no records.
func parseRecords(wire []byte, each func(Record) error) error {
	for len(wire) > 0 {
		if len(wire) < recordSize {
			return fmt.Errorf("a record of %d bytes is cut short", len(wire))
		}
		var r Record
		for i, to := range [...]*int{&r.Round, &r.Worker, &r.Target} {
			*to = int(binary.LittleEndian.Uint32(wire[4*i:]))
		}
		number := func(i int) uint64 { return binary.LittleEndian.Uint64(wire[16+8*i:]) }
		r.First = wire[12]&1 != 0
		r.Seed, r.Expected, r.Cycle = number(0), number(1), int64(number(2))
		r.CPUUser, r.CPUKernel, r.SoftIRQ = int64(number(3)), int64(number(4)), int64(number(5))
		r.MinorFaults, r.ContextSwitches = math.Float64frombits(number(6)), math.Float64frombits(number(7))
		n, err := transport.ParseDelivery(wire[recordSize:], &r.Delivery)
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
		if err := each(r); err != nil {
			return err
		}
		wire = wire[recordSize+n:]
	}
	return nil
}
