// Rrbench measures how a payload gets from one serverless function to another.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses; scripts depend on them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errInterrupted is the cause of a context that a signal has ended.
var errInterrupted = errors.New("interrupted")

// errFailedCells ends a run whose failures have been printed already.
var errFailedCells = errors.New("at least one trial failed")

func main() {
	ctx, stop := interruptible()
	err := command().ExecuteContext(ctx)
	stop()
	os.Exit(status(os.Stderr, cmp.Or(err, stdout.err)))
}

// stdout is where commands print. The first error is kept, and fails a command that has no other.
var stdout = &output{Writer: os.Stdout}

type output struct {
	io.Writer
	err error
}

func (o *output) Write(text []byte) (n int, err error) {
	if n, err = o.Writer.Write(text); err != nil && o.err == nil {
		o.err = fmt.Errorf("print: %w", err)
	}
	return n, err
}

// interruptible ends its context at the first SIGINT, SIGTERM or, unless nohup has it ignored, SIGHUP;
// the second one ends the program at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		if _, open := <-signals; open {
			signal.Stop(signals)
			cancel(errInterrupted)
		}
	}()
	return ctx, func() { signal.Stop(signals); close(signals); cancel(nil) }
}

// status prints an error and chooses the exit status.
func status(stderr io.Writer, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailedCells):
		return exitFailed
	case errors.As(err, &usage), errors.Is(err, errCommandLine):
		fmt.Fprintln(stderr, "rrbench:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "rrbench:", err)
	return exitFailed
}

// usageError is one that says what is wrong with a request.
type usageError interface {
	error
	Usage()
}

// errCommandLine marks what cobra refuses.
var errCommandLine = errors.New("see rrbench --help")

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "rrbench",
		Short: "Measure how a payload gets from one serverless function to another",
		Long: `rrbench measures how a payload gets from serverless function A to serverless
function B: Roadrunner's transfer between WebAssembly functions without serialization,
beside the baselines that it is compared with, on several WebAssembly runtimes.`,
		Example: `  rrbench sweep --preset quick
  rrbench sweep --transports user/copy,http/native --engines wazero --sizes 1MiB,100MiB
  rrbench list`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(stdout)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(commandLineFault)
	for _, sub := range append(machineCommands(), figuresCommand(), claimsCommand(), compareCommand(), exportCommand(), reportCommand(), bundleCommand(), versionCommand()) {
		if sub.Args == nil {
			sub.Args = noArguments
		}
		root.AddCommand(sub)
	}
	root.Args = func(_ *cobra.Command, arguments []string) error {
		if len(arguments) > 0 {
			return fmt.Errorf("unknown command %q: %w", arguments[0], errCommandLine)
		}
		return nil
	}
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

func commandLineFault(c *cobra.Command, err error) error {
	if usage := usageError(nil); errors.As(err, &usage) {
		return usage
	}
	return fmt.Errorf("%w: %w", err, errCommandLine)
}

func noArguments(c *cobra.Command, arguments []string) error {
	if len(arguments) > 0 {
		return fmt.Errorf("unexpected argument %q: %w", arguments[0], errCommandLine)
	}
	return nil
}

func oneDirectory(c *cobra.Command, arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("give one run directory, for example results/runs/…: %w", errCommandLine)
	}
	return nil
}
