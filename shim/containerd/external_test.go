package containerd

import (
	"strings"
	"testing"
	"time"

	"rrbench/catalogue"
	enginecatalogue "rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/shim"
	"rrbench/shim/containerd/task"
	"rrbench/transport"
)

// A runtime of containerd's, here this project's, starts the function that a native one asks by HTTP.
func TestFunctionByAddress(t *testing.T) {
	shared(t)
	if err := enginecatalogue.Check(task.DefaultEngine); err != nil {
		t.Skip(err)
	}
	before := inventory(t)
	found, err := catalogue.Find("http/external")
	if err != nil {
		t.Fatal(err)
	}
	info := found.Info()
	launcher := Function{Server: common, Module: info.Parameter.Function}
	setup := transport.Setup{Engine: transport.NativeEngine, Codec: transport.Raw, Payload: payloads.Text, Size: 1 << 20, Fanout: 3,
		Deadline: time.Minute, Parameter: transport.ByContainerd + task.Runtime}
	cell, err := shim.StartCell(t.Context(), launcher, info, setup)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cell.Connect(t.Context(), 2, 1); err != nil {
		t.Error(err)
	}
	more := batch(4)
	more.Sizes = []int64{1 << 20}
	handOver(t, cell, more, 4*2*3)
	if err := cell.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, before)
	for parameter, want := range map[string]string{
		transport.ByContainerd + "io.containerd.none.v1":     "containerd-shim-none-v1 is not on PATH (install it, or correct --containerd-runtime)",
		transport.ByContainerd + "io.containerd.wasmtime.v1": "cargo install containerd-shim-wasmtime-v1",
		"http://127.0.0.1:8080/":                             "give --containerd-runtime NAME",
	} {
		if err := launcher.Check(parameter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", parameter, err, want)
		}
	}
}
