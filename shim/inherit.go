package shim

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inherit takes over the socket that spawn has left, and makes sure that nothing the shim
// starts inherits it in turn.
func inherit() (net.Conn, error) {
	byHand := errors.New("this command hosts functions for rrbench, which starts it by itself: run rrbench sweep")
	unix.CloseOnExec(inheritedDescriptor)
	if peer, err := unix.Getpeername(inheritedDescriptor); err != nil {
		return nil, byHand
	} else if _, ok := peer.(*unix.SockaddrUnix); !ok {
		return nil, byHand
	}
	file := os.NewFile(inheritedDescriptor, "driver")
	defer file.Close()
	connection, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("take over the driver's socket: %w", err)
	}
	return connection, nil
}

// dieWith makes this process die with its parent, which must be the process driver. The
// parent has asked for that on the child's behalf already, but the kernel forgets it when
// the program file has capabilities; see PR_SET_PDEATHSIG(2const).
func dieWith(driver int64) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_PDEATHSIG: %w", err)
	}
	// A driver that ended before sent no signal, and left this process to another parent.
	if parent := os.Getppid(); int64(parent) != driver {
		return fmt.Errorf("the driver (process %d) has ended: the parent is process %d", driver, parent)
	}
	return nil
}
