package catalogue

import (
	"context"
	"strings"
	"testing"
	"time"

	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestAdaptiveTransportsTakeTheirCrossover(t *testing.T) {
	for _, tr := range All() {
		info := tr.Info()
		choice := info.Crossover()
		if choice == nil {
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			for _, name := range []string{choice.Below, choice.From} {
				if _, err := Find(name); err != nil {
					t.Error(err)
				}
			}
			for value, good := range map[string]bool{"144KiB": true, "never": true, "default": true, "": true, "0": false, "-1": false, "much": false} {
				if _, _, err := info.Parameter.Resolve(value); err == nil != good {
					t.Errorf("%q: %v", value, err)
				}
			}
			setup := transport.Setup{
				Engine: "wazero", Guest: "c", Codec: transport.None, Payload: payloads.Text,
				Size: 64 << 10, Fanout: 1, Deadline: 10 * time.Second, Parameter: "much",
			}
			if _, err := tr.Serve(context.Background(), setup); err == nil || !strings.Contains(err.Error(), "much") {
				t.Errorf("serves: %v", err)
			}
			if _, err := tr.Open(context.Background(), setup, nil); err == nil || !strings.Contains(err.Error(), "much") {
				t.Errorf("opens: %v", err)
			}
			if err := tr.Check(); err != nil {
				t.Skip(err)
			}
			setup.Parameter = "4KiB"
			transporttest.Exercise(t, tr, setup, false)
		})
	}
}

// The facts of the endpoint show which mechanism was chosen.
func TestCrossoverNeverMovesNoPages(t *testing.T) {
	tr, err := Find("user")
	if err != nil {
		t.Fatal(err)
	}
	for value, moves := range map[string]bool{"never": false, "1MiB": true} {
		setup := transport.Setup{Engine: "wazero", Guest: "c", Codec: transport.None, Payload: payloads.Text, Size: 1000, Fanout: 1, Deadline: time.Second, Parameter: value}
		target, err := tr.Serve(t.Context(), setup)
		if err != nil {
			t.Fatal(err)
		}
		if _, found := target.Endpoint().Facts["pages"]; found != moves {
			t.Errorf("%s: the endpoint's facts are %v", value, target.Endpoint().Facts)
		}
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}
}
