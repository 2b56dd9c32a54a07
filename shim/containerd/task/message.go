package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Order is a request of the task service to a host. One of its fields is set.
type Order struct {
	Create *Function `json:",omitempty"`
	// Start and End name a function.
	Start string `json:",omitempty"`
	End   string `json:",omitempty"`
}

// Function describes a function that a host is to make. With it travel descriptors: the module,
// standard input, output and error, and the listener of the control connection if Control is set.
type Function struct {
	ID, Engine             string
	Arguments, Environment []string
	UID, GID               uint32
	Groups                 []uint32 `json:",omitempty"`
	// Control is set where no module runs by itself, but a driver hosts functions by the control
	// protocol. Driver is the user that may connect besides root.
	Control bool   `json:",omitempty"`
	Driver  uint32 `json:",omitempty"`
}

// Event is a host's report on a function: it is ready to start, cannot be made for the reason
// Fault, or has ended.
type Event struct {
	ID     string
	Fault  string `json:",omitempty"`
	Ended  bool   `json:",omitempty"`
	Status uint32 `json:",omitempty"`
}

const (
	// largestMessage bounds one message, in bytes: arguments and environment, mostly.
	largestMessage = 1 << 20
	mostFiles      = 5
	// HostDescriptor is where a host finds its socket.
	HostDescriptor = 3
)

// Send sends a message, and files of which the other side gets descriptors of its own.
func Send(to *net.UnixConn, message any, files ...*os.File) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(text) > largestMessage {
		return fmt.Errorf("arguments and environment of %d bytes: give fewer than %d", len(text), largestMessage)
	}
	var rights []byte
	if len(files) > 0 {
		numbers := make([]int, len(files))
		for i, file := range files {
			numbers[i] = int(file.Fd())
		}
		rights = unix.UnixRights(numbers...)
	}
	_, _, err = to.WriteMsgUnix(text, rights, nil)
	return err
}

// Receive receives a message, and files that are the caller's to close.
func Receive(from *net.UnixConn, buffer []byte, message any) ([]*os.File, error) {
	rights := make([]byte, unix.CmsgSpace(4*mostFiles))
	n, control, flags, _, err := from.ReadMsgUnix(buffer, rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	var files []*os.File
	parts, err := unix.ParseSocketControlMessage(rights[:control])
	for _, part := range parts {
		numbers, _ := unix.ParseUnixRights(&part)
		for _, number := range numbers {
			unix.CloseOnExec(number)
			files = append(files, os.NewFile(uintptr(number), "received"))
		}
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errors.New("a message was cut")
	}
	return files, errors.Join(err, json.Unmarshal(buffer[:n], message))
}

// Buffer is room for Receive.
func Buffer() []byte { return make([]byte, largestMessage) }
