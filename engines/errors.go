package engines

import (
	"errors"
	"fmt"
)

// Trap is a guest's abnormal end: unreachable, access out of bounds, stack overflow, a
// host function that failed. The instance must not be called again.
type Trap struct {
	Function string
	Cause    error
}

func (t *Trap) Error() string { return fmt.Sprintf("guest trapped in %s: %v", t.Function, t.Cause) }

func (t *Trap) Unwrap() error { return t.Cause }

// Exit is a guest that ended itself with proc_exit, whatever its status.
type Exit struct{ Status uint32 }

func (e *Exit) Error() string { return fmt.Sprintf("guest exited with status %d", e.Status) }

// Unavailable is the error of an engine that is not part of this program or cannot run here.
type Unavailable struct {
	Engine string
	Reason string
	Remedy string
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("engine %s is not available: %s (%s)", u.Engine, u.Reason, u.Remedy)
}

const notBuilt = "it is not built in"

// NotBuilt returns the error of an engine that this program knows by name only.
func NotBuilt(engine string) error {
	return &Unavailable{Engine: engine, Reason: notBuilt, Remedy: `make build ENGINES="wasmer v8"`}
}

// IsNotBuilt reports whether an error is one of NotBuilt.
func IsNotBuilt(err error) bool {
	unavailable, ok := errors.AsType[*Unavailable](err)
	return ok && unavailable.Reason == notBuilt
}
