package wasip1

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Errno is what a call answers its guest; 0 is success, for which handlers return nil.
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
type Errno uint16

const (
	EACCES       Errno = 2
	EAFNOSUPPORT Errno = 5
	EAGAIN       Errno = 6
	EBADF        Errno = 8
	ECONNREFUSED Errno = 14
	EFAULT       Errno = 21
	EINPROGRESS  Errno = 26
	EINVAL       Errno = 28
	EIO          Errno = 29
	EMFILE       Errno = 33
	ENOMEM       Errno = 48
	ENOPROTOOPT  Errno = 50
	ENOSYS       Errno = 52
	ENOTCONN     Errno = 53
	ENOTSOCK     Errno = 57
	ENOTSUP      Errno = 58
	EPIPE        Errno = 64
	EPROTOTYPE   Errno = 67
)

func (e Errno) Error() string { return fmt.Sprintf("WASI error %d", uint16(e)) }

// names are those of preview 1 in the order of its numbers, which begin with success. They are the system's, too.
var names = strings.Fields("0 E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBADMSG EBUSY " +
	"ECANCELED ECHILD ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDESTADDRREQ EDOM EDQUOT EEXIST EFAULT EFBIG " +
	"EHOSTUNREACH EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR ELOOP EMFILE EMLINK EMSGSIZE EMULTIHOP " +
	"ENAMETOOLONG ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOEXEC ENOLCK ENOLINK ENOMEM ENOMSG " +
	"ENOPROTOOPT ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTEMPTY ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENXIO EOVERFLOW " +
	"EOWNERDEAD EPERM EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EROFS ESPIPE ESRCH ESTALE ETIMEDOUT ETXTBSY EXDEV")

// errnoOf is the answer to what calls on sockets fail with.
func errnoOf(err error) Errno {
	number, _ := err.(unix.Errno)
	if number == unix.ENFILE {
		return EMFILE
	}
	if place := slices.Index(names, unix.ErrnoName(number)); place > 0 {
		return Errno(place)
	}
	return EIO
}

// answer is errnoOf where success is possible.
func answer(err error) error {
	if err == nil {
		return nil
	}
	return errnoOf(err)
}
