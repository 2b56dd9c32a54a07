package child

import "os/exec"

// Daemon is a process that runs until it is killed, or ends by itself.
type Daemon struct {
	*exec.Cmd
	// Said is the end of what it writes.
	Said Tail
	// Ended is closed when it has been waited for.
	Ended chan struct{}
}

// StartDaemon is Start for a command whose output nobody else reads.
func StartDaemon(command *exec.Cmd) (*Daemon, error) {
	d := &Daemon{Cmd: command, Ended: make(chan struct{})}
	command.Stdout, command.Stderr = &d.Said, &d.Said
	if err := Start(command); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.Ended)
		_ = command.Wait()
	}()
	return d, nil
}

// HasEnded is false of none.
func (d *Daemon) HasEnded() bool {
	if d == nil {
		return false
	}
	select {
	case <-d.Ended:
		return true
	default:
		return false
	}
}

// Kill ends it, and waits for that.
func (d *Daemon) Kill() {
	_ = d.Process.Kill()
	<-d.Ended
}
