//go:build !linux

package wasip1

// openSocket says that guests have sockets on Linux only.
func openSocket(bool) (socket, error) { return nil, ENOSYS }
