package wasip1

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rrbench/engines"
)

var update = flag.Bool("update", false, "write the conformance table anew")

// conformanceTable is where readers find it.
const conformanceTable = "../../docs/wasi-preview1.md"

// specified are the functions of wasi_snapshot_preview1, as its document lists them; see
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#modules
const specified = `args_get args_sizes_get environ_get environ_sizes_get clock_res_get clock_time_get
	fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights
	fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_get fd_prestat_dir_name
	fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync fd_tell fd_write
	path_create_directory path_filestat_get path_filestat_set_times path_link path_open path_readlink
	path_remove_directory path_rename path_symlink path_unlink_file
	poll_oneoff proc_exit proc_raise sched_yield random_get
	sock_accept sock_recv sock_send sock_shutdown`

// served says whether a call does what it is for.
func (c *call) served() bool {
	return reflect.ValueOf(c.handler).Pointer() != reflect.ValueOf(notImplemented).Pointer()
}

func (c *call) signature() string {
	words := make([]string, len(c.function.Params))
	for i, param := range c.function.Params {
		words[i] = "i32"
		if param == engines.I64 {
			words[i] = "i64"
		}
	}
	result := ""
	if len(c.function.Results) > 0 {
		result = " → errno"
	}
	return "(" + strings.Join(words, ", ") + ")" + result
}

// Every function of preview 1 is there, and the table that tells which are served is what
// the code does.
func TestConformance(t *testing.T) {
	all := slices.Concat(calls, socketCalls)
	specification := strings.Fields(specified)
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
	standard := func(c *call) bool {
		// WasmEdge's first sock_accept had no flags.
		return slices.Contains(specification, c.function.Name) && (c.function.Name != "sock_accept" || len(c.function.Params) == 3)
	}
	section("wasi_snapshot_preview1", standard)
	section("WasmEdge's calls for sockets, in the same module", func(c *call) bool { return !standard(c) })
	for _, name := range specification {
		if !slices.ContainsFunc(all, func(c call) bool { return c.function.Name == name }) {
			t.Errorf("%s is not there", name)
		}
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

// What is not served says so, whatever it is called with.
func TestNotServed(t *testing.T) {
	w := newWorld(t, Config{Sockets: true})
	for _, c := range slices.Concat(calls, socketCalls) {
		if !c.served() {
			w.expect(ENOSYS, c.function.Name, make([]uint64, len(c.function.Params))...)
		}
	}
}
