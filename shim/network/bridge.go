// Package network joins the containers of a cell: each has a network namespace of its own, and a cable
// to a bridge between them.
package network

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
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

// bridge is an Ethernet switch in a network namespace of its own, which nothing of the
// machine's network sees: no interface, route or firewall rule of the host changes. When
// the namespace ends, so do the bridge and every cable plugged into it.
type bridge struct {
	inside *namespace
	device *netlink.Bridge
	ports  int
	last   netip.Addr
}

func newBridge() (*bridge, error) {
	inside, err := newNamespace()
	if err != nil {
		return nil, err
	}
	device := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: BridgeName}}
	if err = inside.links.LinkAdd(device); err == nil {
		err = inside.links.LinkSetUp(device)
	}
	if err != nil {
		inside.close()
		if errors.Is(err, syscall.EOPNOTSUPP) {
			return nil, errors.New("make a bridge: the kernel has no bridges (modprobe bridge, or use the host's network)")
		}
		return nil, fmt.Errorf("make a bridge: %w (needs CAP_NET_ADMIN: run as root)", err)
	}
	return &bridge{inside: inside, device: device, last: subnet.Addr()}, nil
}

// plug lays a cable (a veth pair) from the bridge into a container's namespace, and
// returns the address that the container has from then on.
func (b *bridge) plug(container *namespace) (netip.Addr, error) {
	if b.ports == mostPorts {
		return netip.Addr{}, fmt.Errorf("plug a container into the bridge: it has %d ports, all taken (use the host's network or a smaller fan-out)", mostPorts)
	}
	cable := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: fmt.Sprintf("port%d", b.ports), MasterIndex: b.device.Attrs().Index, MTU: frameSize},
		PeerName:      portName,
		PeerMTU:       frameSize,
		PeerNamespace: netlink.NsFd(int(container.descriptor)),
	}
	if err := b.inside.links.LinkAdd(cable); err != nil {
		return netip.Addr{}, fmt.Errorf("plug a container into the bridge: %w", err)
	}
	address := b.last.Next()
	if err := b.setUp(cable, container, address); err != nil {
		return netip.Addr{}, fmt.Errorf("set up a container's network: %w", err)
	}
	b.ports++
	b.last = address
	return address, nil
}

func (b *bridge) setUp(cable *netlink.Veth, container *namespace, address netip.Addr) error {
	if err := b.inside.links.LinkSetUp(cable); err != nil {
		return err
	}
	port, err := container.links.LinkByName(portName)
	if err != nil {
		return err
	}
	assigned, err := netlink.ParseAddr(netip.PrefixFrom(address, subnet.Bits()).String())
	if err != nil {
		return err
	}
	if err := container.links.AddrAdd(port, assigned); err != nil {
		return err
	}
	return container.links.LinkSetUp(port)
}

func (b *bridge) close() { b.inside.close() }

// Cell is the network of a cell's containers.
type Cell struct {
	lock       sync.Mutex
	bridge     *bridge
	namespaces []*namespace
}

// New makes a network without containers. It needs root.
func New() (*Cell, error) {
	b, err := newBridge()
	if err != nil {
		return nil, err
	}
	return &Cell{bridge: b}, nil
}

// Connect makes a network namespace that is plugged into the bridge. The path names it until Close,
// for other processes of this host.
func (c *Cell) Connect() (path, address string, err error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	inside, err := newNamespace()
	if err != nil {
		return "", "", err
	}
	c.namespaces = append(c.namespaces, inside)
	at, err := c.bridge.plug(inside)
	return inside.path(), at.String(), err
}

// Close gives the network up.
func (c *Cell) Close() {
	for _, n := range c.namespaces {
		n.close()
	}
	c.bridge.close()
}
