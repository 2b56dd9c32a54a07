package network

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// namespace is a network namespace without a name: it lives as long as a process of it or
// a descriptor on it does, so it cannot be left behind, however this process ends.
type namespace struct {
	descriptor netns.NsHandle
	// links speaks netlink inside the namespace.
	links *netlink.Handle
}

// newNamespace makes an empty network namespace with its loopback device up.
func newNamespace() (*namespace, error) {
	descriptor, err := unshareNetwork()
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w (needs CAP_SYS_ADMIN: run as root)", err)
	}
	links, err := netlink.NewHandleAt(descriptor)
	if err != nil {
		_ = descriptor.Close()
		return nil, fmt.Errorf("open a netlink socket in a network namespace: %w (needs CAP_SYS_ADMIN: run as root)", err)
	}
	n := &namespace{descriptor, links}
	loopback, err := links.LinkByName("lo")
	if err == nil {
		err = links.LinkSetUp(loopback)
	}
	if err != nil {
		n.close()
		return nil, fmt.Errorf("set the loopback device of a network namespace up: %w (needs CAP_NET_ADMIN: run as root)", err)
	}
	return n, nil
}

// unshareNetwork makes the namespace on a thread of its own choosing and brings the thread
// back. A thread that cannot be brought back stays locked, and ends with the goroutine.
func unshareNetwork() (descriptor netns.NsHandle, err error) {
	made := make(chan struct{})
	go func() {
		defer close(made)
		runtime.LockOSThread()
		var home netns.NsHandle
		if home, err = netns.Get(); err == nil {
			defer home.Close()
			descriptor, err = netns.New()
			if netns.Set(home) != nil {
				return
			}
		}
		runtime.UnlockOSThread()
	}()
	<-made
	return descriptor, err
}

// path names the namespace for other processes of this host, while it is open here.
func (n *namespace) path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(n.descriptor))
}

// close gives the namespace up; it ends when its last process does.
func (n *namespace) close() {
	n.links.Close()
	_ = n.descriptor.Close()
}
