package stream

import (
	"fmt"
	"net/netip"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// sockaddr resolves an endpoint's network and address. Names are not looked up: an
// endpoint carries numbers.
func sockaddr(network, address string) (domain int, to unix.Sockaddr, err error) {
	switch network {
	case "unix":
		if !filepath.IsAbs(address) || len(address) >= len(unix.RawSockaddrUnix{}.Path) {
			return 0, nil, fmt.Errorf("address %q is not the absolute path of a Unix socket, at most %d bytes", address, len(unix.RawSockaddrUnix{}.Path)-1)
		}
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: address}, nil
	case "tcp":
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return 0, nil, fmt.Errorf("address %q is not IP:port: %w", address, err)
		}
		domain, to := sockaddrInet(at)
		return domain, to, nil
	default:
		return 0, nil, fmt.Errorf("network %q is neither unix nor tcp", network)
	}
}

func sockaddrInet(at netip.AddrPort) (int, unix.Sockaddr) {
	if ip := at.Addr().Unmap(); ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

func addrPort(address unix.Sockaddr) netip.AddrPort {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
