package sweep

import (
	"testing"

	"rrbench/results"
	"rrbench/shim"
	"rrbench/transport"
)

// needing is a transport that can do nothing without its parameter.
type needing struct{ stub }

func (n needing) Info() transport.Info {
	info := n.stub.Info()
	info.Acknowledged, info.Parameter = true, free("where")
	info.Parameter.Needed = "no server was named: use --where"
	return info
}

func TestTransportThatNeedsItsParameter(t *testing.T) {
	far := needing{stub{info: transport.Info{Name: "far", Runs: transport.Native, Codecs: []transport.Codec{transport.Raw}}}}
	near := stub{info: transport.Info{Name: "near", Runs: transport.Native, Codecs: []transport.Codec{transport.Raw}}}
	machine := Machine{
		Transports:      []transport.Transport{far, near},
		FindTransport:   func(string) (transport.Transport, error) { return far, nil },
		GuestCheck:      func(string) error { return nil },
		FunctionCheck:   ableFunctions,
		Launcher:        func(transport.Info) shim.Launcher { return shim.Child{} },
		AvailableMemory: 1 << 40,
	}
	for _, test := range []struct {
		transports []string
		given      map[string]string
		cells      int
		skip       string
	}{
		{nil, nil, 1, ""},
		{nil, map[string]string{"where": "there"}, 2, ""},
		{[]string{"far"}, nil, 1, "no server was named: use --where"},
		{[]string{"far"}, map[string]string{"where": "there"}, 1, ""},
	} {
		axes := defaults(1 * mib)
		axes.Transports, axes.Parameters = test.transports, test.given
		cells, err := machine.expand(Experiment{Axes: axes})
		if err != nil || len(cells) != test.cells {
			t.Errorf("%+v: %d cells, %v", test, len(cells), err)
			continue
		}
		if cells[0].Skip != test.skip {
			t.Errorf("%+v: skipped for %q", test, cells[0].Skip)
		}
		if cells[0].Transport == "far" {
			if clock := row(cells[0], shim.Record{}).Clock; clock != results.ClockAcknowledged {
				t.Errorf("clock %q", clock)
			}
		} else if clock := row(cells[0], shim.Record{}).Clock; clock != results.ClockShared {
			t.Errorf("clock %q", clock)
		}
	}
}

// What is meant by a parameter and missing on this machine is skipped, not bad usage.
func TestParameterIsUnavailable(t *testing.T) {
	missing := &transport.Unavailable{Transport: "far", Reason: "it is too old", Remedy: "install a newer one"}
	far := stub{info: transport.Info{
		Name: "far", Runs: transport.Native, Codecs: []transport.Codec{transport.Raw},
		Parameter: &transport.Parameter{Flag: "where", Read: func(string) (*transport.StandIn, error) { return nil, missing }},
	}}
	machine := Machine{
		Transports:      []transport.Transport{far},
		GuestCheck:      func(string) error { return nil },
		FunctionCheck:   ableFunctions,
		Launcher:        func(transport.Info) shim.Launcher { return shim.Child{} },
		AvailableMemory: 1 << 40,
	}
	axes := defaults(1 * mib)
	axes.Parameters = map[string]string{"where": "there"}
	cells, err := machine.expand(Experiment{Axes: axes})
	if err != nil || len(cells) != 1 || cells[0].Skip != missing.Error() {
		t.Errorf("%+v, %v", cells, err)
	}
}
