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
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, want := range []string{"198.18.0.1", "198.18.0.2"} {
		path, address, err := c.Connect()
		if err != nil || address != want {
			t.Fatalf("container %d has the address %v, %v; want %s", i, address, err, want)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		port, err := c.containers[i].links.LinkByName(portName)
		if err != nil || port.Attrs().MTU != frameSize {
			t.Errorf("container %d: %+v, %v", i, port, err)
		}
	}
	plugged := c.containers
	c.containers = make([]*namespace, mostPorts)
	if _, _, err := c.Connect(); err == nil || !strings.Contains(err.Error(), "smaller fan-out") {
		t.Errorf("a bridge without free ports: %v", err)
	}
	c.containers = plugged
}
