package wasip1

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Errno is what a call answers its guest; 0 is success, for which handlers return nil.
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
type Errno uint16

const (
	EACCES          Errno = 2
	EADDRINUSE      Errno = 3
	EADDRNOTAVAIL   Errno = 4
	EAFNOSUPPORT    Errno = 5
	EAGAIN          Errno = 6
	EALREADY        Errno = 7
	EBADF           Errno = 8
	ECANCELED       Errno = 11
	ECONNABORTED    Errno = 13
	ECONNREFUSED    Errno = 14
	ECONNRESET      Errno = 15
	EDESTADDRREQ    Errno = 17
	EFAULT          Errno = 21
	EHOSTUNREACH    Errno = 23
	EINPROGRESS     Errno = 26
	EINTR           Errno = 27
	EINVAL          Errno = 28
	EIO             Errno = 29
	EISCONN         Errno = 30
	EMFILE          Errno = 33
	EMSGSIZE        Errno = 35
	ENETDOWN        Errno = 38
	ENETRESET       Errno = 39
	ENETUNREACH     Errno = 40
	ENOBUFS         Errno = 42
	ENOMEM          Errno = 48
	ENOPROTOOPT     Errno = 50
	ENOSYS          Errno = 52
	ENOTCONN        Errno = 53
	ENOTSOCK        Errno = 57
	ENOTSUP         Errno = 58
	EPERM           Errno = 63
	EPIPE           Errno = 64
	EPROTONOSUPPORT Errno = 66
	EPROTOTYPE      Errno = 67
	ETIMEDOUT       Errno = 73
)

func (e Errno) Error() string { return fmt.Sprintf("WASI error %d", uint16(e)) }

// errnos are the answers to what calls on sockets fail with; all else is EIO.
var errnos = map[unix.Errno]Errno{
	unix.EACCES: EACCES, unix.EADDRINUSE: EADDRINUSE, unix.EADDRNOTAVAIL: EADDRNOTAVAIL,
	unix.EAFNOSUPPORT: EAFNOSUPPORT, unix.EAGAIN: EAGAIN, unix.EALREADY: EALREADY, unix.EBADF: EBADF,
	unix.ECANCELED: ECANCELED, unix.ECONNABORTED: ECONNABORTED, unix.ECONNREFUSED: ECONNREFUSED,
	unix.ECONNRESET: ECONNRESET, unix.EDESTADDRREQ: EDESTADDRREQ, unix.EFAULT: EFAULT,
	unix.EHOSTUNREACH: EHOSTUNREACH, unix.EINPROGRESS: EINPROGRESS, unix.EINTR: EINTR, unix.EINVAL: EINVAL,
	unix.EISCONN: EISCONN, unix.EMFILE: EMFILE, unix.ENFILE: EMFILE, unix.EMSGSIZE: EMSGSIZE,
	unix.ENETDOWN: ENETDOWN, unix.ENETRESET: ENETRESET, unix.ENETUNREACH: ENETUNREACH, unix.ENOBUFS: ENOBUFS,
	unix.ENOMEM: ENOMEM, unix.ENOPROTOOPT: ENOPROTOOPT, unix.ENOTCONN: ENOTCONN, unix.ENOTSOCK: ENOTSOCK,
	unix.EOPNOTSUPP: ENOTSUP, unix.EPERM: EPERM, unix.EPIPE: EPIPE, unix.EPROTONOSUPPORT: EPROTONOSUPPORT,
	unix.EPROTOTYPE: EPROTOTYPE, unix.ETIMEDOUT: ETIMEDOUT,
}

func errnoOf(err error) Errno {
	if number, ok := err.(unix.Errno); ok {
		if errno, ok := errnos[number]; ok {
			return errno
		}
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
