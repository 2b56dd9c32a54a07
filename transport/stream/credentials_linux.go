package stream

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// checkUser refuses the peer of a Unix socket that is another user's process: the
// credentials of the moment of connect(2) or listen(2), SO_PEERCRED in unix(7).
func checkUser(fd int) error {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return fmt.Errorf("ask for the peer's credentials: %w", err)
	}
	if own := os.Geteuid(); int(peer.Uid) != own {
		return fmt.Errorf("the peer (process %d) belongs to user %d, this process to user %d; run both as one user", peer.Pid, peer.Uid, own)
	}
	return nil
}
