//go:build slow

package redis

import (
	"strings"
	"testing"

	"rrbench/engines/catalogue"
	"rrbench/transport"
)

// A guest without memory for the object and its JSON reports that.
func TestSerializingNeedsMemory(t *testing.T) {
	o := startOwn(t, overUnix)
	o.ask(t, "CONFIG", "SET", "proto-max-bulk-len", "4gb")
	for _, engine := range catalogue.BuiltIn() {
		if err := catalogue.Check(engine); err != nil {
			t.Logf("left out: %v", err)
			continue
		}
		v := variant{New(), o.url}
		setup := v.setup(engine, 2<<30, 1)
		setup.Codec = transport.JSON
		err := handOver(t, v, setup)
		if err == nil || !strings.Contains(err.Error(), "out of memory") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", engine, err)
		}
	}
}
