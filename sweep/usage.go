package sweep

import "fmt"

// UsageError is a request that cannot be carried out as it was written; the program exits
// with status 2.
type UsageError struct{ message string }

func (e *UsageError) Error() string { return e.message }

// Usage marks an error of usage.
func (*UsageError) Usage() {}

func usage(format string, arguments ...any) error {
	return &UsageError{fmt.Sprintf(format, arguments...)}
}
