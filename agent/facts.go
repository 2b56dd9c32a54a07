package agent

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"rrbench/catalogue"
	engines "rrbench/engines/catalogue"
	"rrbench/foreign"
	"rrbench/measure"
	"rrbench/results"
	"rrbench/shim/launch"
	"rrbench/transport"
)

// Facts are what an agent says of its node.
type Facts struct {
	// Address is the IP address at which the node's targets listen.
	Address string `json:"address"`
	// Peer is for the manifest of a run.
	Peer results.Peer `json:"peer"`
	// Memory is how many bytes shims may take.
	Memory int64 `json:"memory_bytes"`
	// Transports and Engines say why some cannot run there, the others are not in them.
	Transports map[string]string `json:"transports_lacking,omitempty"`
	Engines    map[string]string `json:"engines_lacking,omitempty"`
}

// ReadFacts looks at this host.
func ReadFacts() (Facts, error) {
	available, err := measure.AvailableMemory()
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Memory: available, Transports: make(map[string]string), Engines: make(map[string]string)}
	f.Peer.Environment = measure.ReadEnvironment()
	f.Peer.Engines = make(map[string]string)
	for _, t := range catalogue.All() {
		info := t.Info()
		if !info.Across {
			continue
		}
		parameter, err := launch.Across(info, "")
		if err == nil {
			err = launch.Check(t, parameter)
		}
		if err != nil {
			f.Transports[info.Name] = foreign.Error(err)
		}
	}
	for _, name := range engines.Names() {
		engine, err := engines.New(name, engines.Options{})
		if err != nil {
			f.Engines[name] = foreign.Error(err)
			continue
		}
		f.Peer.Engines[name] = engine.Version()
		if err := engine.Close(); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Lacks says why cells of a transport and an engine cannot have their targets there; empty where
// they can.
func (f *Facts) Lacks(info transport.Info, engine string) string {
	if reason := f.Transports[info.Name]; reason != "" {
		return reason
	}
	return f.Engines[engine]
}

// interfaceOf is the interface that has the address of this end of a connection.
func interfaceOf(connection net.Conn) (found results.Interface) {
	tcp, ok := connection.LocalAddr().(*net.TCPAddr)
	if !ok {
		return found
	}
	interfaces, _ := net.Interfaces()
	for _, one := range interfaces {
		addresses, _ := one.Addrs()
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && network.IP.Equal(tcp.IP) {
				found.Name, found.MTU = one.Name, one.MTU
				found.Offloads = offloads(one.Name)
				text, _ := os.ReadFile(filepath.Join("/sys/class/net", one.Name, "speed"))
				speed, _ := strconv.Atoi(strings.TrimSpace(string(text)))
				found.SpeedMbit = max(speed, 0)
				return found
			}
		}
	}
	return found
}

// offloads asks a device which it has on; see linux/ethtool.h.
func offloads(device string) (on []string) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(socket)
	for _, one := range []struct {
		name    string
		command uint32
	}{{"tso", unix.ETHTOOL_GTSO}, {"gso", unix.ETHTOOL_GGSO}, {"gro", unix.ETHTOOL_GGRO}, {"tx", unix.ETHTOOL_GTXCSUM}, {"rx", unix.ETHTOOL_GRXCSUM}} {
		value := struct{ command, data uint32 }{command: one.command}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:len(request.name)-1], device)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno == 0 && value.data != 0 {
			on = append(on, one.name)
		}
	}
	return on
}

// path is what the kernel knows of a connection's way.
func path(connection net.Conn) (congestion string, rtt int64) {
	tcp, ok := connection.(*net.TCPConn)
	if !ok {
		return "", 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return "", 0
	}
	_ = raw.Control(func(fd uintptr) {
		if name, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); err == nil {
			congestion = string(bytes.TrimRight([]byte(name), "\x00"))
		}
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			rtt = int64(info.Rtt) * 1000
		}
	})
	return congestion, rtt
}
