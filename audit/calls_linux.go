package audit

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// calls is the classification. Each call's class, and where its bytes are told, is what its
// manual page in section 2 says:
//
//   - read, write, send and recv in all their forms copy from or to the caller's memory and
//     return the number of bytes. With MSG_ZEROCOPY send(2) lends pages instead; whether
//     the kernel copied them after all is told by its completions.
//   - vmsplice lends the caller's pages to a pipe; splice, tee, sendfile and copy_file_range
//     move references between kernel objects. A payload that passes two of these calls is
//     counted at both.
//   - process_vm_readv and process_vm_writev copy from memory to memory.
//   - mremap returns an address; how much it moved is its second argument, old_size.
//   - recvmmsg and sendmmsg return a number of messages: their bytes are not told.
//   - io_uring_enter may stand for any of these: its bytes are not told.
func calls() []call { return append(common[:len(common):len(common)], older...) }

var common = []call{
	{number: unix.SYS_READ, name: "read", class: CopiesOut, bytes: result},
	{number: unix.SYS_PREAD64, name: "pread64", class: CopiesOut, bytes: result},
	{number: unix.SYS_READV, name: "readv", class: CopiesOut, bytes: result},
	{number: unix.SYS_PREADV, name: "preadv", class: CopiesOut, bytes: result},
	{number: unix.SYS_PREADV2, name: "preadv2", class: CopiesOut, bytes: result},
	{number: unix.SYS_RECVFROM, name: "recvfrom", class: CopiesOut, bytes: result,
		flags: fourthArgument, mask: msgErrorQueue, variant: "of the error queue", variantClass: Arranges},
	{number: unix.SYS_RECVMSG, name: "recvmsg", class: CopiesOut, bytes: result,
		flags: thirdArgument, mask: msgErrorQueue, variant: "of the error queue", variantClass: Arranges, look: forCompletions},
	{number: unix.SYS_RECVMMSG, name: "recvmmsg", class: CopiesOut},

	{number: unix.SYS_WRITE, name: "write", class: CopiesIn, bytes: result},
	{number: unix.SYS_PWRITE64, name: "pwrite64", class: CopiesIn, bytes: result},
	{number: unix.SYS_WRITEV, name: "writev", class: CopiesIn, bytes: result},
	{number: unix.SYS_PWRITEV, name: "pwritev", class: CopiesIn, bytes: result},
	{number: unix.SYS_PWRITEV2, name: "pwritev2", class: CopiesIn, bytes: result},
	{number: unix.SYS_SENDTO, name: "sendto", class: CopiesIn, bytes: result,
		flags: fourthArgument, mask: msgZerocopy, variant: zerocopyVariant, variantClass: ByReference},
	{number: unix.SYS_SENDMSG, name: "sendmsg", class: CopiesIn, bytes: result,
		flags: thirdArgument, mask: msgZerocopy, variant: zerocopyVariant, variantClass: ByReference, look: forDescriptors},
	{number: unix.SYS_SENDMMSG, name: "sendmmsg", class: CopiesIn,
		flags: fourthArgument, mask: msgZerocopy, variant: zerocopyVariant, variantClass: ByReference},

	{number: unix.SYS_PROCESS_VM_READV, name: "process_vm_readv", class: CopiesAcross, bytes: result},
	{number: unix.SYS_PROCESS_VM_WRITEV, name: "process_vm_writev", class: CopiesAcross, bytes: result},

	{number: unix.SYS_VMSPLICE, name: "vmsplice", class: ByReference, bytes: result},
	{number: unix.SYS_SPLICE, name: "splice", class: ByReference, bytes: result},
	{number: unix.SYS_TEE, name: "tee", class: ByReference, bytes: result},
	{number: unix.SYS_SENDFILE, name: "sendfile", class: ByReference, bytes: result},
	{number: unix.SYS_COPY_FILE_RANGE, name: "copy_file_range", class: ByReference, bytes: result},
	{number: unix.SYS_IO_URING_ENTER, name: "io_uring_enter", class: Unknown},

	{number: unix.SYS_MREMAP, name: "mremap", class: Remaps, bytes: secondArgument},
	{number: unix.SYS_MMAP, name: "mmap", class: Maps, bytes: secondArgument},
	{number: unix.SYS_MUNMAP, name: "munmap", class: Maps, bytes: secondArgument},
	{number: unix.SYS_MPROTECT, name: "mprotect", class: Maps, bytes: secondArgument},
	{number: unix.SYS_MADVISE, name: "madvise", class: Maps, bytes: secondArgument},
	{number: unix.SYS_PROCESS_MADVISE, name: "process_madvise", class: Maps, bytes: result},
	{number: unix.SYS_MLOCK, name: "mlock", class: Maps, bytes: secondArgument},
	{number: unix.SYS_MINCORE, name: "mincore", class: Maps, bytes: secondArgument},
	{number: unix.SYS_MSYNC, name: "msync", class: Maps, bytes: secondArgument},
	{number: unix.SYS_BRK, name: "brk", class: Maps},
	{number: unix.SYS_FTRUNCATE, name: "ftruncate", class: Maps, bytes: secondArgument},
	{number: unix.SYS_FALLOCATE, name: "fallocate", class: Maps, bytes: fourthArgument},
	{number: unix.SYS_MEMFD_CREATE, name: "memfd_create", class: Maps},

	{number: unix.SYS_EPOLL_PWAIT, name: "epoll_pwait", class: Waits},
	{number: unix.SYS_EPOLL_PWAIT2, name: "epoll_pwait2", class: Waits},
	{number: unix.SYS_PPOLL, name: "ppoll", class: Waits},
	{number: unix.SYS_PSELECT6, name: "pselect6", class: Waits},
	{number: unix.SYS_FUTEX, name: "futex", class: Waits},
	{number: unix.SYS_NANOSLEEP, name: "nanosleep", class: Waits},
	{number: unix.SYS_CLOCK_NANOSLEEP, name: "clock_nanosleep", class: Waits},
	{number: unix.SYS_SCHED_YIELD, name: "sched_yield", class: Waits},
	{number: unix.SYS_TGKILL, name: "tgkill", class: Waits},
	{number: unix.SYS_RT_SIGRETURN, name: "rt_sigreturn", class: Waits},
	{number: unix.SYS_RT_SIGPROCMASK, name: "rt_sigprocmask", class: Waits},
	{number: unix.SYS_RT_SIGTIMEDWAIT, name: "rt_sigtimedwait", class: Waits},
	{number: unix.SYS_SIGALTSTACK, name: "sigaltstack", class: Waits},
	{number: unix.SYS_RESTART_SYSCALL, name: "restart_syscall", class: Waits},
	{number: unix.SYS_WAIT4, name: "wait4", class: Waits},
	{number: unix.SYS_WAITID, name: "waitid", class: Waits},

	{number: unix.SYS_GETRUSAGE, name: "getrusage", class: Accounts},
	{number: unix.SYS_CLOCK_GETTIME, name: "clock_gettime", class: Accounts},
	{number: unix.SYS_GETTIMEOFDAY, name: "gettimeofday", class: Accounts},
	{number: unix.SYS_TIMES, name: "times", class: Accounts},

	{number: unix.SYS_SOCKET, name: "socket", class: Arranges},
	{number: unix.SYS_SOCKETPAIR, name: "socketpair", class: Arranges},
	{number: unix.SYS_BIND, name: "bind", class: Arranges},
	{number: unix.SYS_LISTEN, name: "listen", class: Arranges},
	{number: unix.SYS_CONNECT, name: "connect", class: Arranges},
	{number: unix.SYS_ACCEPT, name: "accept", class: Arranges},
	{number: unix.SYS_ACCEPT4, name: "accept4", class: Arranges},
	{number: unix.SYS_SHUTDOWN, name: "shutdown", class: Arranges},
	{number: unix.SYS_GETSOCKNAME, name: "getsockname", class: Arranges},
	{number: unix.SYS_GETPEERNAME, name: "getpeername", class: Arranges},
	{number: unix.SYS_SETSOCKOPT, name: "setsockopt", class: Arranges},
	{number: unix.SYS_GETSOCKOPT, name: "getsockopt", class: Arranges},
	{number: unix.SYS_PIPE2, name: "pipe2", class: Arranges},
	{number: unix.SYS_EVENTFD2, name: "eventfd2", class: Arranges},
	{number: unix.SYS_EPOLL_CREATE1, name: "epoll_create1", class: Arranges},
	{number: unix.SYS_EPOLL_CTL, name: "epoll_ctl", class: Arranges},
	{number: unix.SYS_OPENAT, name: "openat", class: Arranges},
	{number: unix.SYS_CLOSE, name: "close", class: Arranges},
	{number: unix.SYS_DUP, name: "dup", class: Arranges},
	{number: unix.SYS_DUP3, name: "dup3", class: Arranges},
	{number: unix.SYS_FCNTL, name: "fcntl", class: Arranges},
	{number: unix.SYS_IOCTL, name: "ioctl", class: Arranges},
	{number: unix.SYS_FSTAT, name: "fstat", class: Arranges},
	{number: unix.SYS_STATX, name: "statx", class: Arranges},
	{number: unix.SYS_LSEEK, name: "lseek", class: Arranges},
	{number: unix.SYS_FLOCK, name: "flock", class: Arranges},
	{number: unix.SYS_UNLINKAT, name: "unlinkat", class: Arranges},
	{number: unix.SYS_CLONE, name: "clone", class: Arranges},
	{number: unix.SYS_CLONE3, name: "clone3", class: Arranges},
	{number: unix.SYS_EXECVE, name: "execve", class: Arranges},
	{number: unix.SYS_EXIT, name: "exit", class: Arranges},
	{number: unix.SYS_EXIT_GROUP, name: "exit_group", class: Arranges},
	{number: unix.SYS_GETPID, name: "getpid", class: Arranges},
	{number: unix.SYS_GETTID, name: "gettid", class: Arranges},
	{number: unix.SYS_GETRANDOM, name: "getrandom", class: Arranges},
	{number: unix.SYS_PRCTL, name: "prctl", class: Arranges},
	{number: unix.SYS_KCMP, name: "kcmp", class: Arranges},
	{number: unix.SYS_RT_SIGACTION, name: "rt_sigaction", class: Arranges},
	{number: unix.SYS_SCHED_GETAFFINITY, name: "sched_getaffinity", class: Arranges},
	{number: unix.SYS_SET_ROBUST_LIST, name: "set_robust_list", class: Arranges},
	{number: unix.SYS_RSEQ, name: "rseq", class: Arranges},
	{number: unix.SYS_TIMER_CREATE, name: "timer_create", class: Arranges},
	{number: unix.SYS_TIMER_SETTIME, name: "timer_settime", class: Arranges},
	{number: unix.SYS_MEMBARRIER, name: "membarrier", class: Arranges},
	{number: unix.SYS_PIDFD_OPEN, name: "pidfd_open", class: Arranges},
}

func systemCallNumber(number uint32) string {
	return "system call " + strconv.FormatUint(uint64(number), 10)
}
