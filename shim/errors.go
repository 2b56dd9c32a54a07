package shim

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rrbench/control"
	"rrbench/engines"
	"rrbench/foreign"
	"rrbench/transport"
)

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
	s := status.New(code, foreign.Error(err))
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
