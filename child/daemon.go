package child

import (
	"context"
	"os/exec"
)

// Daemon is a process that runs until it is killed, or ends by itself.
type Daemon struct {
	*exec.Cmd
	// Said is the end of what it writes.
	Said Tail
	// Life is over when the process has ended and was waited for.
	Life context.Context
}

// StartDaemon is Start for a command whose output nothing else reads.
func StartDaemon(command *exec.Cmd) (*Daemon, error) {
	life, end := context.WithCancel(context.Background())
	d := &Daemon{Cmd: command, Life: life}
	command.Stdout, command.Stderr = &d.Said, &d.Said
	if err := Start(command); err != nil {
		end()
		return nil, err
	}
	go func() {
		defer end()
		_ = command.Wait()
	}()
	return d, nil
}

// HasEnded is false of none.
func (d *Daemon) HasEnded() bool { return d != nil && d.Life.Err() != nil }

// Kill ends it, and waits for that.
func (d *Daemon) Kill() {
	_ = d.Process.Kill()
	<-d.Life.Done()
}
