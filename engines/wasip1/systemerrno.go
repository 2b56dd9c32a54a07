package wasip1

import "golang.org/x/sys/unix"

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
