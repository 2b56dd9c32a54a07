package wasip1

import (
	"slices"
	"strings"

	"rrbench/engines"
)

const moduleName = "wasi_snapshot_preview1"

// handler serves a call. The parameters lie in stack; nil is success, an Errno the guest's
// answer, any other error the end of the guest's call.
type handler func(s *System, m memory, stack []uint64) error

type call struct {
	function engines.FunctionType
	handler  handler
}

// calls are those of preview 1, but for sockets. A signature has a letter a parameter, i for 32 bits and I
// for 64; the result is the Errno, but for proc_exit, which does not return.
var calls = slices.Concat(
	define("args_get", "ii", putStrings((*System).arguments)),
	define("args_sizes_get", "ii", putSizes((*System).arguments)),
	define("clock_res_get", "ii", (*System).clockResGet),
	define("clock_time_get", "iIi", (*System).clockTimeGet),
	define("environ_get", "ii", putStrings((*System).environment)),
	define("environ_sizes_get", "ii", putSizes((*System).environment)),
	define("fd_advise", "iIIi", notImplemented),
	define("fd_allocate", "iII", notImplemented),
	define("fd_close", "i", (*System).fdClose),
	define("fd_datasync", "i", notImplemented),
	define("fd_fdstat_get", "ii", (*System).fdFdstatGet),
	define("fd_fdstat_set_flags", "ii", (*System).fdFdstatSetFlags),
	define("fd_fdstat_set_rights", "iII", notImplemented),
	define("fd_filestat_get", "ii", notImplemented),
	define("fd_filestat_set_size", "iI", notImplemented),
	define("fd_filestat_set_times", "iIIi", notImplemented),
	define("fd_pread", "iiiIi", notImplemented),
	define("fd_prestat_dir_name", "iii", notImplemented),
	define("fd_prestat_get", "ii", (*System).fdPrestatGet),
	define("fd_pwrite", "iiiIi", notImplemented),
	define("fd_read", "iiii", transferring(descriptor.read)),
	define("fd_readdir", "iiiIi", notImplemented),
	define("fd_renumber", "ii", notImplemented),
	define("fd_seek", "iIii", notImplemented),
	define("fd_sync", "i", notImplemented),
	define("fd_tell", "ii", notImplemented),
	define("fd_write", "iiii", transferring(descriptor.write)),
	define("path_create_directory", "iii", notImplemented),
	define("path_filestat_get", "iiiii", notImplemented),
	define("path_filestat_set_times", "iiiiIIi", notImplemented),
	define("path_link", "iiiiiii", notImplemented),
	define("path_open", "iiiiiIIii", notImplemented),
	define("path_readlink", "iiiiii", notImplemented),
	define("path_remove_directory", "iii", notImplemented),
	define("path_rename", "iiiiii", notImplemented),
	define("path_symlink", "iiiii", notImplemented),
	define("path_unlink_file", "iii", notImplemented),
	define("poll_oneoff", "iiii", (*System).pollOneoff),
	exiting("proc_exit", "i", (*System).procExit),
	define("proc_raise", "i", notImplemented),
	define("random_get", "ii", (*System).randomGet),
	define("sched_yield", "", (*System).schedYield),
)

// define has a call a name, where there are several.
func define(names, params string, handler handler) []call {
	defined := exiting(names, params, handler)
	for i := range defined {
		defined[i].function.Results = []engines.ValueType{engines.I32}
	}
	return defined
}

func exiting(names, params string, handler handler) (defined []call) {
	var types []engines.ValueType
	for _, param := range params {
		valueType := engines.I32
		if param == 'I' {
			valueType = engines.I64
		}
		types = append(types, valueType)
	}
	for name := range strings.FieldsSeq(names) {
		defined = append(defined, call{engines.FunctionType{Name: name, Params: types}, handler})
	}
	return defined
}

func notImplemented(*System, memory, []uint64) error { return ENOSYS }
