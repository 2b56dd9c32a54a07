package measure

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// InterfaceOf is the interface that has the address of this end of a connection.
func InterfaceOf(connection net.Conn) (found Interface) {
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
				speed, _ := strconv.Atoi(readLine(filepath.Join("/sys/class/net", one.Name, "speed")))
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

// PathOf is what the kernel knows of a TCP connection's way: its congestion control, and its estimate of
// the time there and back in nanoseconds.
func PathOf(connection net.Conn) (congestion string, rtt int64) {
	tcp, ok := connection.(*net.TCPConn)
	if !ok {
		return "", 0
	}
	raw, _ := tcp.SyscallConn() // one of a connection that there is
	_ = raw.Control(func(fd uintptr) {
		if name, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); err == nil {
			congestion = strings.TrimRight(name, "\x00")
		}
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			rtt = int64(info.Rtt) * 1000
		}
	})
	return congestion, rtt
}
