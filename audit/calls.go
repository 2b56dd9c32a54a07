package audit

import (
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sys/unix"
)

// Class is what a system call does with a payload.
type Class string

const (
	CopiesIn       Class = "copied into the kernel"   // from the caller's memory
	CopiesOut      Class = "copied out of the kernel" // to the caller's memory
	CopiesAcross   Class = "copied between processes" // from memory to memory, once
	CopiesAfterAll Class = "copied within the kernel" // by the kernel's own report, instead of being passed by reference
	ByReference    Class = "passed by reference"      // pages or contents of files, without a copy
	Remaps         Class = "pages moved"              // memory gets other pages
	RemapsWindow   Class = "windows moved"            // the same for a GiB of address space, with the payload at its beginning
	Maps           Class = "mappings"                 // memory made, removed, or given other properties
	Waits          Class = "waiting"                  // for others, or waking them
	Accounts       Class = "metering"                 // counters and clocks, with which shims measure themselves
	Arranges       Class = "arranging"                // everything else that does not touch a payload
	Unknown        Class = "not classified"           // not in the tables
)

type call struct {
	name  string
	class Class
	// bytes is where the call has its number of bytes.
	bytes kernelPlace
	// flags is where the call has its flags. A call with any of the bits of mask is of another class, and counted apart.
	flags
	// look is what else the kernel's program examines.
	look kernelLook
}

type flags struct {
	at      kernelPlace
	mask    uint32
	variant string
	class   Class
}

const (
	returned = kernelPlaceReturned
	second   = kernelPlaceSecondArgument
	third    = kernelPlaceThirdArgument
	fourth   = kernelPlaceFourthArgument
)

const zerocopy = "MSG_ZEROCOPY"

func lends(at kernelPlace) flags { return flags{at, unix.MSG_ZEROCOPY, zerocopy, ByReference} }

func ofErrorQueue(at kernelPlace) flags {
	return flags{at, unix.MSG_ERRQUEUE, "of the error queue", Arranges}
}

// moving are the calls that deal with bytes or pages. The class of each call, and the place of its number of bytes, are from
// its manual page in section 2:
//
//   - read, write, send and recv in all their forms copy from or to the caller's memory and
//     return the number of bytes. With MSG_ZEROCOPY send(2) lends pages instead; its
//     completions show whether the kernel copied them nevertheless.
//   - vmsplice lends the caller's pages to a pipe; splice, tee, sendfile and copy_file_range
//     move references between kernel objects. A payload that passes two of these calls is
//     counted at both.
//   - process_vm_readv and process_vm_writev copy from memory to memory.
//   - mremap returns an address; the number of bytes moved is its second argument, old_size. A
//     window is 1 GiB of address space (memory.Window), with the payload at its beginning.
//   - recvmmsg and sendmmsg return a number of messages: their bytes are unknown.
//   - io_uring_enter may stand for any of these: its bytes are unknown.
var moving = map[uint32]call{
	unix.SYS_READ:     {name: "read", class: CopiesOut, bytes: returned},
	unix.SYS_PREAD64:  {name: "pread64", class: CopiesOut, bytes: returned},
	unix.SYS_READV:    {name: "readv", class: CopiesOut, bytes: returned},
	unix.SYS_PREADV:   {name: "preadv", class: CopiesOut, bytes: returned},
	unix.SYS_PREADV2:  {name: "preadv2", class: CopiesOut, bytes: returned},
	unix.SYS_RECVFROM: {name: "recvfrom", class: CopiesOut, bytes: returned, flags: ofErrorQueue(fourth)},
	unix.SYS_RECVMSG:  {name: "recvmsg", class: CopiesOut, bytes: returned, flags: ofErrorQueue(third), look: kernelLookForCompletions},
	unix.SYS_RECVMMSG: {name: "recvmmsg", class: CopiesOut},

	unix.SYS_WRITE:    {name: "write", class: CopiesIn, bytes: returned},
	unix.SYS_PWRITE64: {name: "pwrite64", class: CopiesIn, bytes: returned},
	unix.SYS_WRITEV:   {name: "writev", class: CopiesIn, bytes: returned},
	unix.SYS_PWRITEV:  {name: "pwritev", class: CopiesIn, bytes: returned},
	unix.SYS_PWRITEV2: {name: "pwritev2", class: CopiesIn, bytes: returned},
	unix.SYS_SENDTO:   {name: "sendto", class: CopiesIn, bytes: returned, flags: lends(fourth)},
	unix.SYS_SENDMSG:  {name: "sendmsg", class: CopiesIn, bytes: returned, flags: lends(third), look: kernelLookForDescriptors},
	unix.SYS_SENDMMSG: {name: "sendmmsg", class: CopiesIn, flags: lends(fourth)},

	unix.SYS_PROCESS_VM_READV:  {name: "process_vm_readv", class: CopiesAcross, bytes: returned},
	unix.SYS_PROCESS_VM_WRITEV: {name: "process_vm_writev", class: CopiesAcross, bytes: returned},

	unix.SYS_VMSPLICE:        {name: "vmsplice", class: ByReference, bytes: returned},
	unix.SYS_SPLICE:          {name: "splice", class: ByReference, bytes: returned},
	unix.SYS_TEE:             {name: "tee", class: ByReference, bytes: returned},
	unix.SYS_SENDFILE:        {name: "sendfile", class: ByReference, bytes: returned},
	unix.SYS_COPY_FILE_RANGE: {name: "copy_file_range", class: ByReference, bytes: returned},
	unix.SYS_IO_URING_ENTER:  {name: "io_uring_enter", class: Unknown},

	unix.SYS_MREMAP:          {name: "mremap", class: Remaps, bytes: second, flags: flags{second, 1 << 30, "of a window", RemapsWindow}},
	unix.SYS_MMAP:            {name: "mmap", class: Maps, bytes: second},
	unix.SYS_MUNMAP:          {name: "munmap", class: Maps, bytes: second},
	unix.SYS_MPROTECT:        {name: "mprotect", class: Maps, bytes: second},
	unix.SYS_MADVISE:         {name: "madvise", class: Maps, bytes: second},
	unix.SYS_PROCESS_MADVISE: {name: "process_madvise", class: Maps, bytes: returned},
	unix.SYS_MLOCK:           {name: "mlock", class: Maps, bytes: second},
	unix.SYS_MINCORE:         {name: "mincore", class: Maps, bytes: second},
	unix.SYS_MSYNC:           {name: "msync", class: Maps, bytes: second},
	unix.SYS_BRK:             {name: "brk", class: Maps},
	unix.SYS_FTRUNCATE:       {name: "ftruncate", class: Maps, bytes: second},
	unix.SYS_FALLOCATE:       {name: "fallocate", class: Maps, bytes: fourth},
	unix.SYS_MEMFD_CREATE:    {name: "memfd_create", class: Maps},

	// They return 0 to the child, which is counted under its own number.
	unix.SYS_CLONE:  {name: "clone", class: Arranges, look: kernelLookForParent},
	unix.SYS_CLONE3: {name: "clone3", class: Arranges, look: kernelLookForParent},
}

// others are the calls that move nothing.
var others = map[Class]map[uint32]string{
	Waits: {
		unix.SYS_EPOLL_PWAIT: "epoll_pwait", unix.SYS_EPOLL_PWAIT2: "epoll_pwait2", unix.SYS_PPOLL: "ppoll", unix.SYS_PSELECT6: "pselect6",
		unix.SYS_FUTEX: "futex", unix.SYS_NANOSLEEP: "nanosleep", unix.SYS_CLOCK_NANOSLEEP: "clock_nanosleep", unix.SYS_SCHED_YIELD: "sched_yield",
		unix.SYS_TGKILL: "tgkill", unix.SYS_RT_SIGPROCMASK: "rt_sigprocmask", unix.SYS_RT_SIGTIMEDWAIT: "rt_sigtimedwait", unix.SYS_SIGALTSTACK: "sigaltstack",
		unix.SYS_RESTART_SYSCALL: "restart_syscall", unix.SYS_WAIT4: "wait4", unix.SYS_WAITID: "waitid",
		// At its end it has replaced the registers, and with them its number.
		math.MaxUint32: "rt_sigreturn",
	},
	Accounts: {
		unix.SYS_GETRUSAGE: "getrusage", unix.SYS_CLOCK_GETTIME: "clock_gettime", unix.SYS_GETTIMEOFDAY: "gettimeofday", unix.SYS_TIMES: "times",
	},
	Arranges: {
		unix.SYS_SOCKET: "socket", unix.SYS_SOCKETPAIR: "socketpair", unix.SYS_BIND: "bind", unix.SYS_LISTEN: "listen",
		unix.SYS_CONNECT: "connect", unix.SYS_ACCEPT: "accept", unix.SYS_ACCEPT4: "accept4", unix.SYS_SHUTDOWN: "shutdown",
		unix.SYS_GETSOCKNAME: "getsockname", unix.SYS_GETPEERNAME: "getpeername", unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_GETSOCKOPT: "getsockopt",
		unix.SYS_PIPE2: "pipe2", unix.SYS_EVENTFD2: "eventfd2", unix.SYS_EPOLL_CREATE1: "epoll_create1", unix.SYS_EPOLL_CTL: "epoll_ctl",
		unix.SYS_OPENAT: "openat", unix.SYS_CLOSE: "close", unix.SYS_DUP: "dup", unix.SYS_DUP3: "dup3", unix.SYS_FCNTL: "fcntl", unix.SYS_IOCTL: "ioctl",
		unix.SYS_FSTAT: "fstat", unix.SYS_STATX: "statx", unix.SYS_LSEEK: "lseek", unix.SYS_FLOCK: "flock", unix.SYS_UNLINKAT: "unlinkat",
		unix.SYS_EXECVE: "execve", unix.SYS_EXIT: "exit", unix.SYS_EXIT_GROUP: "exit_group", unix.SYS_GETPID: "getpid", unix.SYS_GETTID: "gettid",
		unix.SYS_GETRANDOM: "getrandom", unix.SYS_PRCTL: "prctl", unix.SYS_KCMP: "kcmp", unix.SYS_RT_SIGACTION: "rt_sigaction",
		unix.SYS_SCHED_GETAFFINITY: "sched_getaffinity", unix.SYS_SET_ROBUST_LIST: "set_robust_list", unix.SYS_RSEQ: "rseq",
		unix.SYS_TIMER_CREATE: "timer_create", unix.SYS_TIMER_SETTIME: "timer_settime", unix.SYS_MEMBARRIER: "membarrier", unix.SYS_PIDFD_OPEN: "pidfd_open",
	},
}

// older are calls of amd64 that other processors do not have, see arch/x86/entry/syscalls/syscall_64.tbl.
var older = map[Class]map[uint32]string{
	Waits:    {7: "poll", 23: "select", 34: "pause", 232: "epoll_wait"},
	Accounts: {201: "time"},
	Arranges: {2: "open", 4: "stat", 22: "pipe", 33: "dup2", 87: "unlink", 158: "arch_prctl"},
}

func describe(number uint32, variant kernelVariant) (name string, class Class) {
	if c, known := moving[number]; known {
		switch variant {
		case kernelVariantFlagged:
			return c.name + " " + c.flags.variant, c.flags.class
		case kernelVariantWithDescriptors:
			return c.name + " with a descriptor", c.class
		}
		return c.name, c.class
	}
	for _, class := range []Class{Waits, Accounts, Arranges} {
		if name, known := others[class][number]; known {
			return name, class
		}
		if name, known := older[class][number]; known && runtime.GOARCH == "amd64" {
			return name, class
		}
	}
	return fmt.Sprintf("system call %d", number), Unknown
}
