package stream

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// checkUser refuses the peer of a Unix socket that is another user's process: the
// credentials of the moment of connect(2) or listen(2), SO_PEERCRED in unix(7). It returns
// the peer's process ID, 0 when that is not visible in this process' namespace.
func checkUser(fd int) (process int, err error) {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("ask for the peer's credentials: %w", err)
	}
	if own := os.Geteuid(); int(peer.Uid) != own {
		return 0, fmt.Errorf("the peer (process %d) belongs to user %d, this process to user %d; run both as one user", peer.Pid, peer.Uid, own)
	}
	return int(peer.Pid), nil
}
