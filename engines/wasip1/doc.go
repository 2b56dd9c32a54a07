// Package wasip1 is an engine-neutral WASI preview 1, as host functions of package engines:
// enough for reactors built from C and from Go (GOOS=wasip1, -buildmode=c-shared), the same
// for each engine, so that engines are compared and not their WASIs.
//
// Every guest has a System of its own. The caller of the guest closes it when a call ends
// with an error, for a guest that trapped does not close its sockets itself, and its peers
// would wait. A guest has no files. Every pointer and length that it passes is checked
// against its memory; a wrong one is answered with EFAULT.
//
// What each call of wasi_snapshot_preview1 does:
//
//	args_get, args_sizes_get         Config.Arguments
//	clock_res_get, clock_time_get    realtime and monotonic; ENOTSUP for CPU clocks
//	environ_get, environ_sizes_get   Config.Environment
//	fd_close                         every descriptor
//	fd_fdstat_get                    every descriptor
//	fd_fdstat_set_flags              NONBLOCK has an effect, the others are kept
//	fd_prestat_get                   EBADF: no directory is open
//	fd_read                          standard input is Config.Input
//	fd_write                         standard output and error go to Config.Output and Errors
//	poll_oneoff                      waits for clocks and descriptors; an event a descriptor
//	proc_exit                        ends the call with *engines.Exit
//	random_get                       from the operating system
//	sched_yield                      nothing
//	sock_accept, sock_recv           as the system does, with PEEK and WAITALL
//	sock_send, sock_shutdown         as the system does
//
// The remaining ones answer ENOSYS; docs/wasi-preview1.md is the table of all.
//
// Preview 1 cannot open a socket. The calls that WasmEdge added to it can, and are here in
// both of its versions, in the same module; where one name has several signatures, a guest
// gets the one that it imports. They serve TCP over IPv4 and IPv6, on Linux, to guests with
// Config.Sockets:
//
//	sock_open, sock_open_v2          streams; TCP_NODELAY is on
//	sock_bind, sock_listen, sock_connect, and _v2
//	sock_accept, sock_accept_v2      with and without flags
//	sock_recv_v2, sock_send_v2       as in preview 1
//	sock_getlocaladdr, sock_getpeeraddr
//	                                 version 1 with the address's type, version 2 without
//	sock_getsockopt, sock_setsockopt the options of level 0 that are integers
//	sock_getaddrinfo, sock_recv_from, sock_send_to
//	                                 ENOSYS: no names, no datagrams
//
// An address lies in memory as pointer and length of 4 bytes (IPv4), 16 bytes (IPv6) or 128
// bytes, which begin with the family in 16 bits.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md and
// https://github.com/second-state/wasmedge_wasi_socket
package wasip1
