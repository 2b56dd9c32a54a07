// Package wasip1 is an engine-neutral WASI preview 1, as host functions of package engines:
// enough for reactors built from C and from Go (GOOS=wasip1, -buildmode=c-shared), the same
// for each engine, so that engines are compared and not their WASIs.
//
// Every guest has a System of its own. A guest has no files. Every pointer and length that
// it passes is checked against its memory; a wrong one is answered with EFAULT.
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
//	fd_read                          end of file on standard input
//	fd_write                         standard output and error go to Config.Output
//	poll_oneoff                      waits for clocks and descriptors; an event a descriptor
//	proc_exit                        ends the call with *engines.Exit
//	random_get                       from the operating system
//	sched_yield                      nothing
//
// The remaining ones answer ENOSYS: fd_advise, fd_allocate, fd_datasync,
// fd_fdstat_set_rights, fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times,
// fd_pread, fd_prestat_dir_name, fd_pwrite, fd_readdir, fd_renumber, fd_seek, fd_sync,
// fd_tell, path_*, proc_raise, sock_accept, sock_recv, sock_send, sock_shutdown.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
package wasip1
