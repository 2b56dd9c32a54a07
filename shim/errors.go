package shim

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rrbench/control"
	"rrbench/engines"
	"rrbench/transport"
)

// longestError bounds an error's text on its way to the driver, so that any number of
// records fits into a message.
const longestError = 2 << 10

// text makes an error's text fit to travel.
func text(err error) string {
	t := err.Error()
	if len(t) > longestError {
		t = t[:longestError] + " ..."
	}
	return strings.ToValidUTF8(t, "\uFFFD")
}

// The status codes of a shim's own errors; gRPC makes no errors with these by itself.
const (
	codeFailed   = codes.Aborted
	codeNoAnswer = codes.OutOfRange
)

// toStatus turns a shim's error into one that gRPC carries. What is unavailable stays
// recognisable.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	code := codeFailed
	if errors.Is(err, transport.ErrNoAnswer) {
		code = codeNoAnswer
	}
	s := status.New(code, text(err))
	var detail *control.Unavailable
	var missing *transport.Unavailable
	var engine *engines.Unavailable
	switch {
	case errors.As(err, &missing):
		detail = &control.Unavailable{Transport: missing.Transport, Reason: missing.Reason, Remedy: missing.Remedy}
	case errors.As(err, &engine):
		detail = &control.Unavailable{Engine: engine.Engine, Reason: engine.Reason, Remedy: engine.Remedy}
	default:
		return s.Err()
	}
	if detailed, err := s.WithDetails(detail); err == nil {
		s = detailed
	}
	return s.Err()
}

// remoteError is an error that a shim returned.
type remoteError struct {
	text  string
	cause error
}

func (e *remoteError) Error() string { return e.text }

func (e *remoteError) Unwrap() error { return e.cause }

// fromStatus is the reverse of toStatus.
func fromStatus(s *status.Status) error {
	remote := &remoteError{text: s.Message()}
	if s.Code() == codeNoAnswer {
		remote.cause = transport.ErrNoAnswer
	}
	for _, detail := range s.Details() {
		if u, ok := detail.(*control.Unavailable); ok {
			if u.GetTransport() != "" {
				remote.cause = &transport.Unavailable{Transport: u.GetTransport(), Reason: u.GetReason(), Remedy: u.GetRemedy()}
			} else {
				remote.cause = &engines.Unavailable{Engine: u.GetEngine(), Reason: u.GetReason(), Remedy: u.GetRemedy()}
			}
		}
	}
	return remote
}
