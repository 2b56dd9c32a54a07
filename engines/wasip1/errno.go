package wasip1

import "fmt"

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
