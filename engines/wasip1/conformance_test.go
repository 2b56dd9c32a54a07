package wasip1

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the conformance table anew")

// conformanceTable is where readers find it.
const conformanceTable = "../../docs/wasi-preview1.md"

// preview1 has the calls of wasi_snapshot_preview1 with the types that its document gives them; see
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#modules
var preview1 = map[string]string{
	"args_get": "ii", "args_sizes_get": "ii", "clock_res_get": "ii", "clock_time_get": "iIi",
	"environ_get": "ii", "environ_sizes_get": "ii", "fd_advise": "iIIi", "fd_allocate": "iII",
	"fd_close": "i", "fd_datasync": "i", "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii",
	"fd_fdstat_set_rights": "iII", "fd_filestat_get": "ii", "fd_filestat_set_size": "iI",
	"fd_filestat_set_times": "iIIi", "fd_pread": "iiiIi", "fd_prestat_dir_name": "iii",
	"fd_prestat_get": "ii", "fd_pwrite": "iiiIi", "fd_read": "iiii", "fd_readdir": "iiiIi",
	"fd_renumber": "ii", "fd_seek": "iIii", "fd_sync": "i", "fd_tell": "ii", "fd_write": "iiii",
	"path_create_directory": "iii", "path_filestat_get": "iiiii",
	"path_filestat_set_times": "iiiiIIi", "path_link": "iiiiiii", "path_open": "iiiiiIIii",
	"path_readlink": "iiiiii", "path_remove_directory": "iii", "path_rename": "iiiiii",
	"path_symlink": "iiiii", "path_unlink_file": "iii", "poll_oneoff": "iiii", "proc_exit": "i",
	"proc_raise": "i", "random_get": "ii", "sched_yield": "", "sock_accept": "iii",
	"sock_recv": "iiiiii", "sock_send": "iiiii", "sock_shutdown": "ii",
}

// served reports whether a call is implemented.
func (c *call) served() bool {
	return reflect.ValueOf(c.handler).Pointer() != reflect.ValueOf(notImplemented).Pointer()
}

func (c *call) signature() string {
	result := ""
	if len(c.function.Results) > 0 {
		result = " → errno"
	}
	params := fmt.Sprintf("%v", c.function.Params)
	return "(" + strings.ReplaceAll(strings.Trim(params, "[]"), " ", ", ") + ")" + result
}

// isStandard reports whether a call of that name with these parameters is one of preview 1.
func (c *call) isStandard() bool {
	params, known := preview1[c.function.Name]
	return known && slices.Equal(c.function.Params, define(c.function.Name, params, nil)[0].function.Params)
}

// Every call of preview 1 is there with its type, and the table of the calls that are served agrees with the code.
func TestConformance(t *testing.T) {
	all := slices.Concat(calls, socketCalls)
	var table strings.Builder
	table.WriteString("# WASI preview 1 for guests\n\n" +
		"What a guest of `http/wasi` may call, on every engine alike. What each call does is in the documentation of package\n" +
		"`engines/wasip1`. This table is compared with the code: `go test ./engines/wasip1 -run Conformance -update` writes it anew.\n")
	section := func(title string, belongs func(c *call) bool) {
		count, servedCount := 0, 0
		var rows strings.Builder
		for i := range all {
			c := &all[i]
			if !belongs(c) {
				continue
			}
			answer := "ENOSYS"
			if c.served() {
				answer = "served"
				servedCount++
			}
			count++
			fmt.Fprintf(&rows, "| `%s` | `%s` | %s |\n", c.function.Name, c.signature(), answer)
		}
		fmt.Fprintf(&table, "\n## %s: %d of %d served\n\n| call | signature | answer |\n|---|---|---|\n%s", title, servedCount, count, rows.String())
	}
	section("wasi_snapshot_preview1", (*call).isStandard)
	section("WasmEdge's calls for sockets, in the same module", func(c *call) bool { return !c.isStandard() })
	for name := range preview1 {
		if !slices.ContainsFunc(all, func(c call) bool {
			return c.function.Name == name && c.isStandard() && len(c.function.Results) == 1 == (name != "proc_exit")
		}) {
			t.Errorf("%s is not there", name)
		}
	}
	if len(preview1) != 46 {
		t.Errorf("preview 1 has %d calls", len(preview1))
	}
	if *update {
		if err := os.WriteFile(conformanceTable, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(conformanceTable)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != table.String() {
		t.Errorf("%s is not what the code does: go test ./engines/wasip1 -run Conformance -update", conformanceTable)
	}
}

// Calls that are not served answer ENOSYS whatever their parameters are.
func TestNotServed(t *testing.T) {
	w := newWorld(t, Config{Sockets: true})
	for _, c := range slices.Concat(calls, socketCalls) {
		if !c.served() {
			w.expect(ENOSYS, c.function.Name, make([]uint64, len(c.function.Params))...)
		}
	}
}
