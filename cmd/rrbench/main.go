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

// errInterrupted is the cause of a context that was cancelled by a signal.
var errInterrupted = errors.New("interrupted")

// errFailedCells is the error of a run whose failures have been printed already.
var errFailedCells = errors.New("at least one trial failed")

func main() {
	ctx, stop := interruptible()
	err := command().ExecuteContext(ctx)
	stop()
	os.Exit(status(os.Stderr, cmp.Or(err, stdout.err)))
}

// stdout is where commands print. It keeps the first error of printing, which fails a command that has no other.
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

// interruptible returns a context that the first SIGINT, SIGTERM or, unless nohup ignores it, SIGHUP cancels. The second
// signal ends the program at once.
func interruptible() (context.Context, func()) {
	ending := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ending = append(ending, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	signalled, stop := signal.NotifyContext(ctx, ending...)
	context.AfterFunc(signalled, func() { stop(); cancel(errInterrupted) })
	return ctx, stop
}

// status prints an error and chooses the exit status.
func status(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errFailedCells) {
		fmt.Fprintln(stderr, "rrbench:", err)
	}
	if _, usage := errors.AsType[usageError](err); usage || errors.Is(err, errCommandLine) {
		return exitUsage
	}
	return exitFailed
}

// usageError is the error of a wrong request.
type usageError interface {
	error
	Usage()
}

// errCommandLine marks errors in the command line.
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
			sub.Args = none("unexpected argument")
		}
		root.AddCommand(sub)
	}
	root.Args = none("unknown command")
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

func commandLineFault(c *cobra.Command, err error) error {
	if usage, ok := errors.AsType[usageError](err); ok {
		return usage
	}
	return fmt.Errorf("%w: %w", err, errCommandLine)
}

func none(called string) cobra.PositionalArgs {
	return func(_ *cobra.Command, arguments []string) error {
		if len(arguments) > 0 {
			return fmt.Errorf("%s %q: %w", called, arguments[0], errCommandLine)
		}
		return nil
	}
}

func between(least, most int, otherwise string) cobra.PositionalArgs {
	return func(_ *cobra.Command, arguments []string) error {
		if len(arguments) < least || len(arguments) > most {
			return fmt.Errorf("%s: %w", otherwise, errCommandLine)
		}
		return nil
	}
}

var oneDirectory = between(1, 1, "give one run directory, for example results/runs/…")
