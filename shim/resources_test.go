package shim

import (
	"strings"
	"testing"

	"rrbench/transport"
)

func TestResources(t *testing.T) {
	separate := transport.Info{Name: "network/stream", Family: transport.Network, Hosting: transport.SeparateProcesses}
	shared := transport.Info{Name: "user/copy", Family: transport.User, Hosting: transport.SharedProcess}
	for _, c := range []struct {
		has                 Resources
		info                transport.Info
		fanout, concurrency int
		want                string
	}{
		{Resources{}, separate, 1000, 256, ""},
		{ReadResources(), separate, 1, 1, ""},
		{ReadResources(), shared, 100, 1, ""},
		{Resources{OpenFiles: 1024}, separate, 100, 4, "it needs up to 1648 open files of a process (48, and 4 for each of 101 shims or 4 for each of 400 routes), and the limit is 1024 (ulimit -n 1648)"},
		{Resources{Threads: 500}, separate, 10, 20, "510 threads (10 for each of 11 shims and 2 for each of 200 routes), and the limit is 500"},
		{Resources{Mappings: 65530}, shared, 100, 27, "65848 mappings of a process (400, and 24 for each of 2727 functions), and the limit is 65530 (sysctl -w vm.max_map_count=65848)"},
		{Resources{Ports: 28232}, separate, 200, 200, "40000 local ports"},
		{Resources{Ports: 28232}, shared, 200, 200, ""},
	} {
		err := c.has.Check(c.info, c.fanout, c.concurrency)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
