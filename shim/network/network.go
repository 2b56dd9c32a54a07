// Package network joins the containers of a cell: each has a network namespace of its own, and a cable
// to a bridge between them.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

const (
	// BridgeName is what the bridge is called in its namespace.
	BridgeName = "br0"
	// portName is what a container calls its end of the cable, as Docker's do.
	portName = "eth0"
	// mostPorts is how many ports the kernel's bridge has (BR_MAX_PORTS in
	// net/bridge/br_private.h).
	mostPorts = 1024
	// frameSize is the largest packet of a cable, in bytes: the most that Linux' Ethernet
	// devices take (ETH_MAX_MTU), and one less than loopback's. With the usual 1500 the
	// kernel spends half as much again on a large payload, for headers that nothing reads.
	frameSize = 65535
)

// subnet is reserved for benchmarks (RFC 2544, RFC 6890). The bridge has no cable to the
// machine's own network, so it could not clash with a network in use anyway.
var subnet = netip.MustParsePrefix("198.18.0.0/15")

// Cell is the network of a cell's containers: an Ethernet switch in a network namespace of its own.
// It is separate from the machine's network: no interface, route or firewall rule of the host
// changes. When the namespace ends, so do the bridge and every cable plugged into it. A nil Cell is
// the host's network.
type Cell struct {
	lock       sync.Mutex
	inside     *namespace
	bridge     *netlink.Bridge
	last       netip.Addr
	containers []*namespace
}

// New makes a network without containers. It needs root.
func New() (*Cell, error) {
	inside, err := newNamespace()
	if err != nil {
		return nil, err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: BridgeName}}
	if err = inside.links.LinkAdd(bridge); err == nil {
		err = inside.links.LinkSetUp(bridge)
	}
	if err != nil {
		inside.close()
		if errors.Is(err, syscall.EOPNOTSUPP) {
			return nil, errors.New("make a bridge: the kernel has no bridges (modprobe bridge, or use the host's network)")
		}
		return nil, fmt.Errorf("make a bridge: %w (needs CAP_NET_ADMIN: run as root)", err)
	}
	return &Cell{inside: inside, bridge: bridge, last: subnet.Addr()}, nil
}

// Connect makes a network namespace that is plugged into the bridge, and returns the address of a
// container in it. Until Close, the path names it for other processes of this host.
func (c *Cell) Connect() (path, address string, err error) {
	if c == nil {
		return "", "127.0.0.1", nil
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(c.containers) == mostPorts {
		return "", "", fmt.Errorf("plug a container into the bridge: it has %d ports, all taken (use the host's network or a smaller fan-out)", mostPorts)
	}
	container, err := newNamespace()
	if err != nil {
		return "", "", err
	}
	next := c.last.Next()
	if err := c.plug(container, next); err != nil {
		container.close()
		return "", "", err
	}
	c.last, c.containers = next, append(c.containers, container)
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(container.descriptor)), next.String(), nil
}

// plug makes a cable (a veth pair) from the bridge into a container's namespace, and gives the container's
// end the address.
func (c *Cell) plug(container *namespace, address netip.Addr) error {
	cable := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: fmt.Sprintf("port%d", len(c.containers)), MasterIndex: c.bridge.Attrs().Index, MTU: frameSize},
		PeerName:      portName,
		PeerMTU:       frameSize,
		PeerNamespace: netlink.NsFd(int(container.descriptor)),
	}
	if err := c.inside.links.LinkAdd(cable); err != nil {
		return fmt.Errorf("plug a container into the bridge: %w", err)
	}
	err := c.inside.links.LinkSetUp(cable)
	var port netlink.Link
	if err == nil {
		port, err = container.links.LinkByName(portName)
	}
	if err == nil {
		assigned := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(subnet.Bits(), address.BitLen())}
		err = container.links.AddrAdd(port, &netlink.Addr{IPNet: assigned})
	}
	if err == nil {
		err = container.links.LinkSetUp(port)
	}
	if err != nil {
		return fmt.Errorf("set up a container's network: %w", err)
	}
	return nil
}

// Close ends the network.
func (c *Cell) Close() error {
	if c != nil {
		for _, container := range c.containers {
			container.close()
		}
		c.inside.close()
	}
	return nil
}

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

// unshareNetwork makes the namespace on another thread and returns the thread to its own namespace. If
// that fails, the thread stays locked, and ends with the goroutine.
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

// close releases the namespace, which ends with its last process.
func (n *namespace) close() {
	n.links.Close()
	_ = n.descriptor.Close()
}
