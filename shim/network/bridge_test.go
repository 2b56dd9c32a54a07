package network

import (
	"os"
	"strings"
	"testing"
)

func TestBridge(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	b, err := newBridge()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for i, want := range []string{"198.18.0.1", "198.18.0.2"} {
		inside, err := newNamespace()
		if err != nil {
			t.Fatal(err)
		}
		defer inside.close()
		if address, err := b.plug(inside); err != nil || address.String() != want {
			t.Errorf("container %d has the address %v, %v; want %s", i, address, err, want)
		}
		port, err := inside.links.LinkByName(portName)
		if err != nil || port.Attrs().MTU != frameSize {
			t.Errorf("container %d: %+v, %v", i, port, err)
		}
	}
	b.ports = mostPorts
	if _, err := b.plug(nil); err == nil || !strings.Contains(err.Error(), "smaller fan-out") {
		t.Errorf("a bridge without free ports: %v", err)
	}
}
